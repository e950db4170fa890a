from __future__ import annotations

import subprocess
import sys


def test_importing_the_room_imports_no_decoder() -> None:
    heavy = {"PIL", "rasterio", "torch", "lance", "pyarrow"}
    code = f"import sys, swath.imagery; print({heavy} & {{name.split('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"

// Drawing where to search: a box by dragging, a polygon corner by corner.

const CLOSE = 12; // pixels from the first corner that close a polygon

/** A closed ring of a box; west of its east where it crosses the antimeridian. */
export function ringOf([west, south, east, north]) {
  const right = east < west ? east + 360 : east;
  return [[west, south], [right, south], [right, north], [west, north], [west, south]];
}

const turned = (x) => ((((x + 180) % 360) + 360) % 360) - 180;

export class Drawing {
  /** `done` gets `{ box }` or `{ area }`; `said` gets what to do next, and null at the end. */
  constructor(place, { done, said }) {
    this.place = place;
    this.map = place.map;
    this.done = done;
    this.said = said;
    this.kind = null;
    this.corners = [];
    this.drew = false;
    const canvas = this.map.getCanvasContainer();
    canvas.addEventListener('pointerdown', (event) => this.down(event));
    canvas.addEventListener('pointermove', (event) => this.move(event));
    canvas.addEventListener('pointerup', (event) => this.up(event));
    canvas.addEventListener('pointercancel', () => this.stop());
    // The click that ends a drawing is not meant for the tile below it.
    canvas.addEventListener('click', (event) => this.drew && event.stopPropagation(), true);
  }

  get active() {
    return this.kind !== null;
  }

  start(kind) {
    this.stop();
    this.kind = kind;
    this.map.dragPan.disable();
    this.map.doubleClickZoom.disable();
    this.map.touchZoomRotate.disable();
    this.map.getCanvas().classList.add('drawing');
    this.said(kind === 'box' ? 'Drag from corner to corner. Esc ends it.' : 'Click the corners. Esc ends it.');
  }

  stop() {
    if (!this.active) return;
    this.kind = null;
    this.corners = [];
    this.map.dragPan.enable();
    this.map.doubleClickZoom.enable();
    this.map.touchZoomRotate.enable();
    this.map.touchZoomRotate.disableRotation();
    this.map.getCanvas().classList.remove('drawing');
    this.said(null);
  }

  /** Close the polygon with the corners that there are. */
  finish() {
    if (this.kind !== 'polygon' || this.corners.length < 3) return;
    const ring = [...this.corners, this.corners[0]];
    this.stop();
    this.done({ area: ring });
  }

  /** Take the last corner back. */
  back() {
    this.corners.pop();
    this.place.area(this.corners, false);
  }

  at(event) {
    const canvas = this.map.getCanvas().getBoundingClientRect();
    const { lng, lat } = this.map.unproject([event.clientX - canvas.left, event.clientY - canvas.top]);
    return [lng, Math.max(-85, Math.min(85, lat))];
  }

  down(event) {
    this.drew = this.active;
    if (!this.active || event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    if (this.kind === 'box') {
      event.currentTarget.setPointerCapture(event.pointerId);
      this.corners = [this.at(event)];
    }
  }

  move(event) {
    if (!this.active || !this.corners.length) return;
    const here = this.at(event);
    if (this.kind === 'box') this.place.area(ringOf(this.boxTo(here, false)));
    else this.place.area([...this.corners, here], false);
  }

  up(event) {
    if (!this.active || event.button !== 0) return;
    const here = this.at(event);
    if (this.kind === 'polygon') return this.corner(here, event);
    if (!this.corners.length) return undefined;
    const box = this.boxTo(here, true);
    const drawn = Math.abs(this.corners[0][0] - here[0]) > 1e-7 && box[3] - box[1] > 1e-7;
    this.stop();
    return this.done(drawn ? { box } : {});
  }

  corner(here, event) {
    if (this.corners.length > 2) {
      const first = this.map.project(this.corners[0]);
      const canvas = this.map.getCanvas().getBoundingClientRect();
      const apart = Math.hypot(first.x - event.clientX + canvas.left, first.y - event.clientY + canvas.top);
      if (apart < CLOSE) return this.finish();
    }
    this.corners.push(here);
    if (this.corners.length === 3) this.said('Enter, or the first corner again, closes it.');
    return this.place.area(this.corners, false);
  }

  boxTo([x, y], turn) {
    const [x0, y0] = this.corners[0];
    const [west, east] = [Math.min(x, x0), Math.max(x, x0)];
    const whole = east - west >= 360;
    const edges = turn ? (whole ? [-180, 180] : [turned(west), turned(east)]) : [west, east];
    return [edges[0], Math.min(y, y0), edges[1], Math.max(y, y0)];
  }
}

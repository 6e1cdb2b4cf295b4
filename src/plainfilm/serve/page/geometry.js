// The map between pixels of a film and pixels of the screen: zoom, pan and rotation by quarter turns.

const TURNS = [[1, 0], [0, 1], [-1, 0], [0, -1]];
const SMALLEST = 0.02;
const LARGEST = 40;

export class Placement {
  constructor() {
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.turns = 0;
    this.film = { width: 1, height: 1 };
    this.screen = { width: 1, height: 1 };
  }

  /** a, b, c, d, e, f of the matrix from film to screen. */
  matrix() {
    const [cos, sin] = TURNS[this.turns];
    const [a, b, c, d] = [cos, sin, -sin, cos].map((part) => part * this.scale);
    const [fx, fy] = [this.film.width / 2, this.film.height / 2];
    const e = this.screen.width / 2 + this.x - (a * fx + c * fy);
    const f = this.screen.height / 2 + this.y - (b * fx + d * fy);
    return [a, b, c, d, e, f];
  }

  toScreen(x, y) {
    const [a, b, c, d, e, f] = this.matrix();
    return [a * x + c * y + e, b * x + d * y + f];
  }

  toFilm(x, y) {
    const [a, b, c, d, e, f] = this.matrix();
    const size = a * d - b * c;
    return [(d * (x - e) - c * (y - f)) / size, (a * (y - f) - b * (x - e)) / size];
  }

  /** The scale at which the whole film is on the screen. */
  fitting() {
    const { width, height } = this.film;
    const [across, down] = this.turns % 2 ? [height, width] : [width, height];
    return Math.min((this.screen.width - 24) / across, (this.screen.height - 24) / down);
  }

  fit() {
    [this.scale, this.x, this.y] = [this.fitting(), 0, 0];
  }

  /** Changes the scale by a factor, with the film below a point of the screen kept there. */
  zoom(factor, x = this.screen.width / 2, y = this.screen.height / 2) {
    const [fx, fy] = this.toFilm(x, y);
    this.scale = Math.min(Math.max(this.scale * factor, SMALLEST), LARGEST);
    const [nx, ny] = this.toScreen(fx, fy);
    this.x += x - nx;
    this.y += y - ny;
  }

  rotate() {
    this.turns = (this.turns + 1) % 4;
  }
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** A box with its corners in order and inside the film, or `null` where nothing of it is. */
export function tidied(box, film, least = 2) {
  const [x0, x1] = [box.x0, box.x1].map((x) => clamp(x, 0, film.width)).sort((a, b) => a - b);
  const [y0, y1] = [box.y0, box.y1].map((y) => clamp(y, 0, film.height)).sort((a, b) => a - b);
  const digits = (value) => Math.round(value * 100) / 100;
  if (x1 - x0 < least || y1 - y0 < least) return null;
  return { ...box, x0: digits(x0), y0: digits(y0), x1: digits(x1), y1: digits(y1) };
}

/** A box moved by a step, as far as the film goes. */
export function moved(box, dx, dy, film) {
  const x = clamp(dx, -box.x0, film.width - box.x1);
  const y = clamp(dy, -box.y0, film.height - box.y1);
  return { ...box, x0: box.x0 + x, x1: box.x1 + x, y0: box.y0 + y, y1: box.y1 + y };
}

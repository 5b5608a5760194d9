// How loud the microphone is: the last seconds as bars that wander to the left.

const BAR = 3;
const GAP = 2;
const [LOUD, FLOOR] = [-8, -55]; // dB of full scale: a whole bar, and none

export class Level {
  constructor(canvas) {
    Object.assign(this, { canvas, bars: [] });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** `level`: 0 to 1, of full scale. */
  show(level) {
    const decibels = 20 * Math.log10(level + 1e-5);
    this.bars.push(Math.min(1, Math.max(0, 1 - (decibels - LOUD) / (FLOOR - LOUD))));
    this.bars.splice(0, this.bars.length - 400);
    this.draw();
  }

  reset() {
    this.bars = [];
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width) return;
    const scale = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * scale, height: height * scale });
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.fillStyle = getComputedStyle(this.canvas).color;
    const count = Math.floor(width / (BAR + GAP));
    for (let index = 0; index < count; index++) {
      const level = this.bars[this.bars.length - count + index] ?? 0;
      const size = Math.max(BAR, level * height);
      pen.globalAlpha = level ? 0.35 + 0.65 * (index / count) : 0.18;
      pen.beginPath();
      pen.roundRect(index * (BAR + GAP), (height - size) / 2, BAR, size, BAR / 2);
      pen.fill();
    }
  }
}

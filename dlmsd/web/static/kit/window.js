// A list of any length of which only the rows in sight are in the document.

const AROUND = 8; // rows above and below what is in sight, so that scrolling finds them there

// `body` is the element that the rows are laid in; all are as high as its --row says. A row is
// an object with `node`; `make(item)` gives one, `show(row, item)` brings it up to date. The
// row that has the focus stays, wherever the list is scrolled to.
export class RowWindow {
  constructor(body, { key, make, show }) {
    Object.assign(this, { body, key, make, show });
    this.items = [];
    this.rows = new Map();
    this.frame = 0;
    this.later = () => { this.frame ||= requestAnimationFrame(() => this.draw()); };
    this.resized = () => { this.height = 0; this.later(); };
    window.addEventListener("scroll", this.later, { passive: true });
    window.addEventListener("resize", this.resized);
    body.addEventListener("focusout", this.later);
  }

  close() {
    cancelAnimationFrame(this.frame);
    window.removeEventListener("scroll", this.later);
    window.removeEventListener("resize", this.resized);
  }

  replace(items) {
    this.items = items;
    this.draw();
  }

  // Only rows in sight are touched; the others are made from their items when they come.
  range() {
    this.height ||= parseFloat(getComputedStyle(this.body).getPropertyValue("--row"))
      * parseFloat(getComputedStyle(document.documentElement).fontSize);
    const top = -this.body.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / this.height) - AROUND);
    const last = Math.ceil((top + window.innerHeight) / this.height) + AROUND;
    return [first, Math.min(this.items.length, last)];
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const [first, last] = this.range();
    this.body.style.height = `${this.items.length * this.height}px`;
    const wanted = new Map();
    for (let index = first; index < last; index += 1) {
      wanted.set(this.key(this.items[index]), index);
    }
    for (const [key, row] of this.rows) {
      if (wanted.has(key)) continue;
      if (row.node.contains(document.activeElement)) {
        const index = this.items.findIndex((item) => this.key(item) === key);
        if (index >= 0) {
          wanted.set(key, index);
          continue;
        }
      }
      row.node.remove();
      this.rows.delete(key);
    }
    for (const [key, index] of wanted) this.place(key, index);
    this.order();
  }

  place(key, index) {
    const item = this.items[index];
    let row = this.rows.get(key);
    if (row === undefined) {
      row = this.make(item);
      this.rows.set(key, row);
    }
    this.show(row, item, index);
    if (row.index !== index) {
      row.index = index;
      row.node.style.transform = `translateY(${index * this.height}px)`;
    }
  }

  // Readers and the Tab key go by the document's order. Moves only what is out of place, so
  // that focus and selection survive.
  order() {
    const rows = [...this.rows.values()].sort((a, b) => a.index - b.index);
    let at = this.body.firstElementChild;
    for (const { node } of rows) {
      if (node === at) at = at.nextElementSibling;
      else this.body.insertBefore(node, at);
    }
  }

  // Brings the row of an index into sight and gives it back.
  reveal(index) {
    const { height } = this;
    const top = this.body.getBoundingClientRect().top + index * height;
    const head = 4 * height; // what sticks to the top covers less
    if (top < head) window.scrollBy(0, top - head);
    else if (top + height > window.innerHeight) window.scrollBy(0, top + 2 * height - window.innerHeight);
    this.draw();
    return this.rows.get(this.key(this.items[index]));
  }
}

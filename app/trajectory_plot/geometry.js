// Contours of a grid and cells of points: plain geometry in whatever unit the caller uses.

/** Lines of equal height through `grid` (rows of columns): each a list of [column, row], not whole numbers. */
function contours(grid, rows, columns, level) {
  const links = new Map(); // by edge of the grid, the edges that the line goes on to
  const link = (one, other) => {
    for (const [from, to] of [[one, other], [other, one]]) links.set(from, [...(links.get(from) ?? []), to]);
  };
  for (let row = 0; row < rows - 1; row++) {
    for (let column = 0; column < columns - 1; column++) {
      const crossed = crossings(grid, columns, row, column, level);
      for (let index = 0; index + 1 < crossed.length; index += 2) link(crossed[index], crossed[index + 1]);
    }
  }
  const ends = [...links.keys()].filter((edge) => links.get(edge).length === 1);
  const lines = [];
  for (const start of [...ends, ...links.keys()]) {
    const line = follow(links, start).map((edge) => placeOnEdge(grid, columns, edge, level));
    if (line.length > 1) lines.push(line);
  }
  return lines;
}

/** The edges of one square that the line crosses, in pairs: 2·index across a row, 2·index + 1 down a column. */
function crossings(grid, columns, row, column, level) {
  const at = row * columns + column;
  const [a, b, c, d] = [at, at + 1, at + columns + 1, at + columns].map((index) => grid[index] > level);
  const crossed = [];
  if (a !== b) crossed.push(2 * at);
  if (b !== c) crossed.push(2 * (at + 1) + 1);
  if (c !== d) crossed.push(2 * (at + columns));
  if (d !== a) crossed.push(2 * at + 1);
  return crossed;
}

/** The chain of edges from `start`, taken out of `links`. */
function follow(links, start) {
  const line = [];
  for (let edge = start; edge !== undefined; ) {
    line.push(edge);
    const next = links.get(edge)?.shift();
    if (next === undefined) break;
    const back = links.get(next);
    back.splice(back.indexOf(edge), 1);
    edge = next;
  }
  return line;
}

function placeOnEdge(grid, columns, edge, level) {
  const from = edge >> 1;
  const down = edge & 1;
  const to = down ? from + columns : from + 1;
  const share = (level - grid[from]) / (grid[to] - grid[from]);
  const [row, column] = [Math.floor(from / columns), from % columns];
  return down ? [column, row + share] : [column + share, row];
}

/** The part of `box` (left, right, bottom, top) nearest to each of `places` ([x, y]): one polygon a place. */
function voronoiCells(places, [left, right, bottom, top]) {
  return places.map(([x, y]) => {
    let cell = [[left, bottom], [right, bottom], [right, top], [left, top]];
    const others = places.map(([u, v]) => [u, v, (u - x) ** 2 + (v - y) ** 2]).sort((a, b) => a[2] - b[2]);
    for (const [u, v, distance] of others) {
      const reach = Math.max(...cell.map(([p, q]) => (p - x) ** 2 + (q - y) ** 2));
      if (!cell.length || distance > 4 * reach) break; // nor can any that is farther still
      if (distance > 0) cell = nearer(cell, x, y, u, v);
    }
    return cell;
  });
}

/** What of a convex `polygon` is nearer to (x, y) than to (u, v). */
function nearer(polygon, x, y, u, v) {
  const side = ([p, q]) => (p - (x + u) / 2) * (u - x) + (q - (y + v) / 2) * (v - y);
  const kept = [];
  polygon.forEach((corner, index) => {
    const next = polygon[(index + 1) % polygon.length];
    const [here, there] = [side(corner), side(next)];
    if (here <= 0) kept.push(corner);
    if (here < 0 !== there < 0 && here !== there) {
      const share = here / (here - there);
      kept.push([corner[0] + share * (next[0] - corner[0]), corner[1] + share * (next[1] - corner[1])]);
    }
  });
  return kept;
}

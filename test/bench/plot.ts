/**
 * A comparison as one SVG: for each line the throughput beside tgt's, which is 1, and the latency
 * that one command in a hundred exceeds, on a scale of powers of ten.
 */
import { contenderNames, type ContenderName } from './contenders.ts';
import type { Row } from './report.ts';

const COLORS: Readonly<Record<ContenderName, string>> = {
  scale: '#1f6feb',
  tgt: '#8b949e',
  null: '#d4a72c',
};
const NAMES: Readonly<Record<ContenderName, string>> = {
  scale: 'Storage Scale',
  tgt: 'tgt',
  null: 'null target',
};
const BAR = 10;
const ROW = contenderNames.length * BAR + 12;
const LABELS = 350;
const PANEL = 420;
const VALUES = 90;
const TOP = 70;

interface Panel {
  readonly title: string;
  readonly at: number;
  readonly width: (value: number) => number;
  readonly value: (row: Row, name: ContenderName) => number;
  readonly text: (row: Row, name: ContenderName) => string;
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const textAt = (x: number, y: number, text: string, style = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${style}>${escape(text)}</text>\n`;

const toTgt = ({ figures }: Row, name: ContenderName): number =>
  figures[name].throughput / figures.tgt.throughput;

const p99Us = ({ figures }: Row, name: ContenderName): number => figures[name].p99Us;

function panels(rows: readonly Row[]): Panel[] {
  const all = (value: Panel['value']): number[] =>
    rows.flatMap((row) => contenderNames.map((name) => value(row, name)));
  const mostRatio = Math.max(1, ...all(toTgt));
  const decades = Math.max(1, Math.log10(Math.max(10, ...all(p99Us))));
  return [
    {
      title: 'Throughput, tgt = 1',
      at: LABELS,
      width: (ratio) => (ratio / mostRatio) * PANEL,
      value: toTgt,
      text: (row, name) => `${row.figures[name].throughput.toFixed(0)} ${row.unit}`,
    },
    {
      title: 'p99 latency, logarithmic',
      at: LABELS + PANEL + VALUES,
      width: (us) => (Math.log10(Math.max(1, us)) / decades) * PANEL,
      value: p99Us,
      text: (row, name) => `${row.figures[name].p99Us.toFixed(0)} µs`,
    },
  ];
}

function bars(row: Row, y: number, panel: Panel): string {
  return contenderNames
    .map((name, index) => {
      const width = panel.width(panel.value(row, name));
      const at = y + index * BAR;
      const bar = `<rect x="${String(panel.at)}" y="${String(at)}" width="${width.toFixed(1)}" height="${String(BAR - 2)}" fill="${COLORS[name]}"/>\n`;
      return bar + textAt(panel.at + width + 4, at + BAR - 2, panel.text(row, name));
    })
    .join('');
}

export function plot(rows: readonly Row[], title: string): string {
  const drawn = panels(rows);
  const width = LABELS + 2 * (PANEL + VALUES);
  const height = TOP + rows.length * ROW + 10;
  const bold = ' font-weight="bold"';
  let body = textAt(10, 20, title, ` font-size="13"${bold}`);
  for (const [index, name] of contenderNames.entries()) {
    const x = 10 + index * 110;
    body += `<rect x="${String(x)}" y="32" width="10" height="10" fill="${COLORS[name]}"/>\n`;
    body += textAt(x + 15, 41, NAMES[name]);
  }
  for (const panel of drawn) body += textAt(panel.at, TOP - 10, panel.title, bold);
  for (const [index, row] of rows.entries()) {
    const y = TOP + index * ROW;
    body += textAt(10, y + 1.5 * BAR + 3, row.name);
    for (const panel of drawn) body += bars(row, y, panel);
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${String(width)}" height="${String(height)}" font-family="sans-serif" font-size="9">\n` +
    `<rect width="100%" height="100%" fill="white"/>\n${body}</svg>\n`
  );
}

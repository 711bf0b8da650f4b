// The end of a run: a short text for the terminal, everything as JSON, and a page to look at (HTML with
// drawings in SVG). Nothing is fetched from anywhere.

import { text } from './env.ts';

interface MetricResult {
  type: 'counter' | 'gauge' | 'rate' | 'trend';
  contains: string;
  values: Record<string, number>;
  thresholds?: Record<string, { ok: boolean }>;
}

interface Group {
  checks: { name: string; passes: number; fails: number }[];
  groups: Group[];
}

interface Summary {
  root_group: Group;
  metrics: Record<string, MetricResult>;
  state: { testRunDurationMs: number };
}

/** What trends are summed up as; the page draws these. */
export const trendStats = ['min', 'med', 'avg', 'p(90)', 'p(95)', 'p(99)', 'max', 'count'];
const DRAWN = ['min', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'];

const folder = text('REPORT_DIR', '');

/** For `handleSummary`: what to print, and the files when REPORT_DIR says where to. */
export function report(scenario: string, settings: object, data: unknown): Record<string, string> {
  const summary = data as Summary;
  const output: Record<string, string> = { stdout: terminal(scenario, summary) };
  if (folder !== '') {
    output[`${folder}/${scenario}.json`] = JSON.stringify({ scenario, settings, ...summary }, null, 2);
    output[`${folder}/${scenario}.html`] = page(scenario, settings, summary);
  }
  return output;
}

interface Judgement {
  metric: string;
  threshold: string;
  ok: boolean;
}

function judgements(summary: Summary): Judgement[] {
  return Object.entries(summary.metrics).flatMap(([metric, result]) =>
    Object.entries(result.thresholds ?? {}).map(([threshold, { ok }]) => ({ metric, threshold, ok })),
  );
}

/** The names of the checks that did not hold. */
function broken(group: Group): string[] {
  const own = group.checks.filter(({ fails }) => fails > 0).map(({ name, fails }) => `${name} (${fails} times)`);
  return [...own, ...group.groups.flatMap(broken)];
}

function ours(summary: Summary): [string, MetricResult][] {
  const shown = Object.entries(summary.metrics).filter(
    ([name]) => name.startsWith('hubbub_') || name === 'checks' || /^(http|grpc)_req_duration$/.test(name),
  );
  return shown.sort(([one], [other]) => (one < other ? -1 : 1));
}

function figure(value: number | undefined): string {
  if (value === undefined) return '–';
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1);
}

function values(result: MetricResult): string {
  const names = result.type === 'trend' ? [...DRAWN, 'count'] : Object.keys(result.values);
  return names.map((name) => `${name}=${figure(result.values[name])}`).join(' ');
}

function terminal(scenario: string, summary: Summary): string {
  const failed = judgements(summary).filter(({ ok }) => !ok);
  const lines = [`\n${scenario}: ${(summary.state.testRunDurationMs / 1000).toFixed(1)} s`];
  for (const [name, result] of ours(summary)) lines.push(`  ${name.padEnd(28)} ${values(result)}`);
  for (const { metric, threshold } of failed) lines.push(`  FAILED ${metric}: ${threshold}`);
  for (const name of broken(summary.root_group)) lines.push(`  NOT SO: ${name}`);
  lines.push(failed.length === 0 ? '  every threshold holds' : `  ${failed.length} thresholds failed`);
  return `${lines.join('\n')}\n`;
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escape(word: unknown): string {
  return String(word).replace(/[&<>"]/g, (sign) => escapes[sign] as string);
}

function page(scenario: string, settings: object, summary: Summary): string {
  const rows = judgements(summary).map(
    ({ metric, threshold, ok }) =>
      `<tr class="${ok ? 'ok' : 'failed'}"><td>${escape(metric)}</td><td>${escape(threshold)}</td>` +
      `<td>${ok ? 'holds' : 'failed'}</td></tr>`,
  );
  const figures = ours(summary)
    .filter(([, result]) => result.type !== 'trend')
    .map(([name, result]) => `<tr><td>${escape(name)}</td><td>${escape(values(result))}</td></tr>`);
  const told = Object.entries(settings).map(
    ([name, value]) => `<tr><td>${escape(name)}</td><td>${escape(JSON.stringify(value))}</td></tr>`,
  );
  const trends = ours(summary).filter(([, result]) => result.type === 'trend' && (result.values['count'] ?? 0) > 0);
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escape(scenario)}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td{padding:.15rem 1rem .15rem 0;vertical-align:top}
.ok td:last-child{color:#176b2c}.failed td{color:#b00020;font-weight:600}svg{display:block;margin:1rem 0}
</style>
<h1>${escape(scenario)}</h1>
<p>${(summary.state.testRunDurationMs / 1000).toFixed(1)} s</p>
<h2>Thresholds</h2><table>${rows.join('')}</table>
<ul>${broken(summary.root_group).map((name) => `<li>${escape(name)}</li>`).join('')}</ul>
<h2>Times</h2>${trends.map(([name, result]) => bars(name, result)).join('')}
<h2>Counts</h2><table>${figures.join('')}</table>
<h2>Settings</h2><table>${told.join('')}</table>
</html>
`;
}

/** A trend's quantiles as bars. */
function bars(name: string, result: MetricResult): string {
  const unit = result.contains === 'time' ? ' ms' : '';
  const longest = Math.max(result.values['max'] ?? 0, Number.MIN_VALUE);
  const drawn = DRAWN.map((stat, row) => {
    const value = result.values[stat] ?? 0;
    const y = 24 + row * 22;
    const width = Math.max(1, (value / longest) * 520);
    return (
      `<text x="0" y="${y + 12}">${stat}</text>` +
      `<rect x="60" y="${y}" width="${width.toFixed(1)}" height="16" fill="#3b6ea5"/>` +
      `<text x="${(66 + width).toFixed(1)}" y="${y + 12}">${figure(value)}${unit}</text>`
    );
  });
  const height = 24 + DRAWN.length * 22;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="720" height="${height}" font-family="system-ui,sans-serif" ` +
    `font-size="12"><text x="0" y="14" font-weight="600">${escape(name)} (${figure(result.values['count'])})</text>` +
    `${drawn.join('')}</svg>`
  );
}

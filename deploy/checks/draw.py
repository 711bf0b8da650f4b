#!/usr/bin/env python3
"""Draws the panels of a dashboard as SVG, from what a Prometheus really holds.

    python3 deploy/checks/draw.py http://127.0.0.1:9090 helm/hubbub/files/dashboards/overview.json out.svg [SECONDS]

Not Grafana: the same queries, drawn plainly, to see that every panel has something to show. The picture in
docs/operations.md was made with it. Standard library only.
"""
import html
import json
import math
import sys
import time
import urllib.parse
import urllib.request

COLOURS = ["#3274d9", "#e0752d", "#299c46", "#a352cc", "#bf1b00", "#0a9396", "#b8860b", "#6b7280"]
WIDTH, HEIGHT, PAD, STEPS = 560, 210, 44, 120
SCALES = {
    "s": [(1, "s"), (1e-3, "ms"), (1e-6, "µs")],
    "bytes": [(2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B")],
    "percentunit": [(0.01, "%")],
}


def ask(base, expression, start, end):
    query = {"query": expression, "start": start, "end": end, "step": max((end - start) / STEPS, 1)}
    url = f"{base}/api/v1/query_range?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=20) as answer:
        return json.load(answer)["data"]["result"]


def name_of(template, labels):
    for key, value in labels.items():
        template = template.replace("{{" + key + "}}", value)
    return template


def figure(value, unit):
    scales = SCALES.get(unit, [(1e6, "M"), (1e3, "k"), (1, "")])
    factor, suffix = next(((f, s) for f, s in scales if abs(value) >= f), scales[-1])
    return f"{value / factor:.3g} {suffix}".strip()


def panel(spec, series, start, end):
    defaults = spec["fieldConfig"]["defaults"]
    values = [v for _, points in series for _, v in points]
    top = max(values + [defaults.get("max", 0)], default=0) or 1
    x = lambda t: PAD + (t - start) / (end - start) * (WIDTH - PAD - 12)
    y = lambda v: HEIGHT - 44 - v / top * (HEIGHT - 80)
    out = [f'<rect width="{WIDTH}" height="{HEIGHT}" rx="4" fill="#fff" stroke="#d5d8dd"/>',
           f'<text x="12" y="20" font-weight="600">{html.escape(spec["title"])}</text>']
    for share in (0, 0.5, 1):
        out.append(f'<line x1="{PAD}" x2="{WIDTH - 12}" y1="{y(top * share):.1f}" y2="{y(top * share):.1f}" stroke="#eceef1"/>'
                   f'<text x="{PAD - 4}" y="{y(top * share) + 4:.1f}" text-anchor="end" font-size="9" fill="#6b7280">{figure(top * share, defaults["unit"])}</text>')
    at = PAD
    for index, (name, points) in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        line = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
        if at < WIDTH - 90:
            out.append(f'<rect x="{at}" y="{HEIGHT - 22}" width="9" height="3" fill="{colour}"/>'
                       f'<text x="{at + 12}" y="{HEIGHT - 17}" font-size="10">{html.escape(name[:34])}</text>')
            at += 26 + 5.6 * len(name[:34])
    if not series:
        out.append(f'<text x="{WIDTH / 2}" y="{HEIGHT / 2}" text-anchor="middle" fill="#6b7280">nothing happened</text>')
    return "".join(out)


def main():
    base, dashboard, target = sys.argv[1:4]
    end = time.time()
    start = end - float(sys.argv[4] if len(sys.argv) > 4 else 300)
    with open(dashboard, encoding="utf-8") as file:
        board = json.load(file)
    empty, cells = [], []
    for spec in board["panels"]:
        series = []
        for query in spec["targets"]:
            expression = query["expr"].replace("$__rate_interval", "30s").replace("$instance", ".*").replace("$namespace", ".*").replace("$release", ".*")
            for found in ask(base, expression, start, end):
                points = [(float(t), float(v)) for t, v in found["values"] if math.isfinite(float(v))]
                if points:
                    series.append((name_of(query["legendFormat"], found["metric"]), points))
        if not series:
            empty.append(spec["title"])
        cells.append(panel(spec, series, start, end))
    rows = math.ceil(len(cells) / 2)
    size = (2 * WIDTH + 30, rows * (HEIGHT + 10) + 50)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" font-family="sans-serif" font-size="13">',
           f'<rect width="{size[0]}" height="{size[1]}" fill="#f4f5f7"/>',
           f'<text x="12" y="26" font-size="16" font-weight="600">{html.escape(board["title"])}</text>']
    for index, cell in enumerate(cells):
        out.append(f'<g transform="translate({10 + index % 2 * (WIDTH + 10)},{40 + index // 2 * (HEIGHT + 10)})">{cell}</g>')
    with open(target, "w", encoding="utf-8") as file:
        file.write("\n".join(out + ["</svg>\n"]))
    print(f"{target}: {len(cells)} panels; without data: {', '.join(empty) or 'none'}")


main()

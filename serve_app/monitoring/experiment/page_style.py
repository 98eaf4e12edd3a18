"""How the page of an experiment looks, beyond what reports have in common.

A density is full on the better side of 0 and pale on the other; margins are dashed, 0 is a line.
"""

from __future__ import annotations

from serve_app.monitoring.report.style import STYLE

PAGE_STYLE = (
    STYLE
    + """
.verdict ul{margin:8px 0 4px;padding:0 0 0 20px}.verdict li{margin:2px 0;overflow-wrap:anywhere}
.verdict .answer,.verdict h1{overflow-wrap:anywhere}
.lanes{list-style:none;margin:4px 0 12px;padding:0}
.lane{display:grid;grid-template-columns:minmax(90px,20%) 1fr minmax(150px,24%);
grid-template-areas:"name strip last";column-gap:14px;align-items:center;font-size:13.5px;
padding:3px 0}
.lane .name{grid-area:name;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.lane .strip{grid-area:strip;min-width:0}
.lane .last{grid-area:last;text-align:left;white-space:normal;overflow-wrap:anywhere;
line-height:1.3}
.lane-strip{display:block;overflow:visible}
.block{margin:0 0 34px}.block h4,.section h4{margin:16px 0 4px;white-space:normal}
.block .card h4,.grid2 .card h4{margin:0 0 2px;white-space:nowrap}
.grid2 .card h3{font-size:14px;margin:0 0 2px;overflow:hidden;text-overflow:ellipsis;
white-space:nowrap}
h3{overflow-wrap:anywhere}h3.metric{font-size:17px}
.interval{fill:var(--wash);stroke:var(--now);stroke-width:1}
.cap{stroke:var(--now);stroke-width:2}
.zero{stroke:var(--ink);stroke-width:1.2}
.margin{stroke:var(--est);stroke-width:1.6;stroke-dasharray:5 4}
.belief-better{fill:var(--now);fill-opacity:.42}.belief-worse{fill:var(--ref);fill-opacity:.5}
.note,.meta,.notes{overflow-wrap:anywhere}
td.when{white-space:nowrap}.grid2+.scroll{margin-top:16px}
td.name{min-width:130px}.block td:last-child,.block th:last-child{padding-left:10px}
.block td>div.muted{min-width:220px}
@media (max-width:560px){.lane{grid-template-columns:minmax(90px,1fr) auto;
grid-template-areas:"name last" "strip strip";row-gap:3px;padding:6px 0;
border-bottom:1px solid var(--line)}
.lane .last{text-align:right;max-width:56vw}.lane[aria-hidden]{border:0;padding:0}
.lane[aria-hidden] .name,.lane[aria-hidden] .last{display:none}}
@media print{.lane{break-inside:avoid}}
"""
)

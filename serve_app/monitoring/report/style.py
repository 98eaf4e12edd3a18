"""How the page looks and what its few lines of script do; the page works without them.

Blue and orange are told apart by all kinds of colour vision, and nothing is said by colour alone:
what drifted has a mark, training is an area and now an outline, estimates are dashed.
"""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--panel:#f5f7f9;--ink:#18202b;--muted:#586474;
--line:#d8dee6;--now:#1c5cb8;--wash:#1c5cb82b;--ref:#c3cbd5;--link:#1c5cb8;--est:#9a5b00;
--estwash:#c77d1a30;--bad:#a8281e;--badwash:#fbeceb;--warn:#8a5200;--warnwash:#fdf3e2;
--good:#176b43;--goodwash:#e9f5ee;--h0:#eaf1f8;--h1:#d0e1f0;--h2:#a8c8e4;--h3:#7aa9d3;
--h4:#f5b36b;--h5:#e2752b;--h6:#9e3702;--mark:#18202b}
@media (prefers-color-scheme:dark){:root{--paper:#11161d;--panel:#19202a;--ink:#e5eaf1;
--muted:#9aa7b7;--line:#2c3643;--now:#77b0ff;--wash:#77b0ff30;--ref:#46525f;--link:#8cbcff;
--est:#f0b45c;--estwash:#f0b45c30;--bad:#ff9b91;--badwash:#3a1c1b;--warn:#f0b45c;
--warnwash:#35291a;--good:#7fd6a6;--goodwash:#17301f;--h0:#1c2936;--h1:#22394f;--h2:#2a5274;
--h3:#37719f;--h4:#a8611b;--h5:#e98530;--h6:#ffc98a;--mark:#fff}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",Arial,sans-serif;
font-variant-numeric:tabular-nums}
main{max-width:1120px;margin:0 auto;padding:20px 20px 60px}
h1{font-size:22px;margin:0 0 4px;line-height:1.25}
h2{font-size:19px;margin:44px 0 2px;padding-top:14px;border-top:2px solid var(--ink);
overflow-wrap:anywhere}
h3{font-size:15px;margin:26px 0 6px}
h4{font-size:14px;font-weight:600;margin:0 0 2px;overflow:hidden;text-overflow:ellipsis;
white-space:nowrap}
p{margin:0 0 8px}a{color:var(--link)}
.muted,.note,.meta,.facts{color:var(--muted)}.note,.meta,.facts,.legend{font-size:13px}
.verdict{border-left:6px solid var(--muted);background:var(--panel);padding:14px 18px;
border-radius:4px;margin-bottom:14px}
.verdict p{margin:2px 0}.verdict .answer{font-size:17px;font-weight:600}
.critical{border-color:var(--bad)}.warning{border-color:var(--warn)}.fine{border-color:var(--good)}
.verdict.critical{background:var(--badwash)}.verdict.warning{background:var(--warnwash)}
.verdict.fine{background:var(--goodwash)}
.findings{list-style:none;margin:14px 0 0;padding:0}
.findings>li{border-left:4px solid;padding:2px 0 2px 12px;margin:0 0 14px;overflow-wrap:anywhere}
.findings>li.critical{border-color:var(--bad)}.findings>li.warning{border-color:var(--warn)}
.findings p{margin:0}.findings ul{margin:2px 0 4px;padding:0 0 0 18px}
.badge{font-size:12px;font-weight:700;letter-spacing:.03em;
text-transform:uppercase}
.critical>.badge,.bad{color:var(--bad)}.warning>.badge,.warn{color:var(--warn)}.good{color:var(--good)}
.hot{font-weight:700}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13.5px;margin:4px 0 10px}
th,td{text-align:left;padding:4px 10px 4px 0;border-bottom:1px solid var(--line);
vertical-align:top}
th{font-weight:600;color:var(--muted);white-space:nowrap}
td.n,th.n{text-align:right;white-space:nowrap}
td.name{max-width:320px;overflow-wrap:anywhere}
.heat,.names{display:grid;grid-template-columns:minmax(84px,18%) 1fr minmax(48px,auto);
column-gap:10px;align-items:center;font-size:13px}
.heat{row-gap:2px}.names{row-gap:3px;grid-template-columns:minmax(76px,32%) 1fr auto}
.heat .name,.names .name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.last{text-align:right;white-space:nowrap}.last i{font-style:normal;color:var(--muted);
display:inline-block;min-width:4.6em}
.group{grid-column:1/-1;margin-top:3px;font-size:12px;color:var(--muted);text-transform:uppercase;letter-spacing:.04em}
.strip,.strip svg{display:block;min-width:0}
svg.band{display:block;width:100%;height:18px;background:var(--panel)}
svg.axis{overflow:visible}svg.rows{height:26px;background:none;border-bottom:1px solid var(--line)}
.h0{fill:var(--h0)}.h1{fill:var(--h1)}.h2{fill:var(--h2)}.h3{fill:var(--h3)}.h4{fill:var(--h4)}
.h5{fill:var(--h5)}.h6{fill:var(--h6)}.mark{fill:var(--mark)}.traffic{fill:var(--ref)}
rect.none{fill:var(--panel);stroke:var(--line)}
.legend{color:var(--muted);margin:4px 0 8px}.key{display:inline-block;white-space:nowrap;
margin-right:9px}
.swatch{vertical-align:-1px}
.grid2{display:grid;grid-template-columns:repeat(auto-fill,minmax(280px,1fr));gap:18px 26px}
.grid3{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:16px 24px}
.card{min-width:0;break-inside:avoid}.card.wide{grid-column:1/-1}
.card .facts{margin:1px 0 0;overflow-wrap:anywhere}
svg.chart{display:block;overflow:visible}
.ref{fill:var(--ref)}.now-area{fill:var(--wash)}.now{stroke:var(--now);stroke-width:1.8}
.now-bar{fill:var(--now)}
.grid{stroke:var(--line);stroke-width:1}.base{stroke:var(--muted);stroke-width:1}
.tick{fill:var(--muted);font-size:11px;paint-order:stroke;stroke:var(--paper);stroke-width:3px;
stroke-linejoin:round}
.realised{stroke:var(--now);stroke-width:2}.realised-dot{fill:var(--now)}
.realised-band{fill:var(--wash)}
.estimated{stroke:var(--est);stroke-width:2;stroke-dasharray:6 4}
.estimated-dot{fill:var(--paper);stroke:var(--est);stroke-width:1.5}
.estimated-band{fill:var(--estwash)}
.registered{stroke:var(--muted);stroke-width:1.2;stroke-dasharray:2 3}
details{margin:8px 0}summary{cursor:pointer;color:var(--link)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 16px;margin:6px 0;font-size:14px}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
#tip{position:fixed;z-index:9;pointer-events:none;background:var(--ink);color:var(--paper);
font-size:12.5px;padding:3px 7px;border-radius:3px;max-width:280px;overflow-wrap:anywhere}
#tip[hidden]{display:none}
@media (max-width:560px){main{padding:12px 12px 40px}h1{font-size:19px}h2{font-size:17px}
.heat{grid-template-columns:84px 1fr 38px;column-gap:6px;font-size:12px}
.grid2,.grid3{grid-template-columns:1fr}dl{grid-template-columns:1fr}dd{margin-bottom:5px}
td.name{max-width:150px}}
@media print{:root{color-scheme:light}body{font-size:10.5pt}main{max-width:none;padding:0}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
h2,h3,h4{break-after:avoid}li,tr,.verdict{break-inside:avoid}.scroll{overflow:visible}
svg.band{height:13px}.grid3{grid-template-columns:repeat(3,1fr)}
.grid2{grid-template-columns:repeat(2,1fr)}summary{color:inherit}
details::details-content{content-visibility:visible;block-size:auto}}
"""

SCRIPT = """
(function(){
var tip=document.createElement('div');tip.id='tip';tip.hidden=true;document.body.appendChild(tip);
function show(e,words){tip.textContent=words;tip.hidden=!words;
var x=e.clientX+14,y=e.clientY+16,w=tip.offsetWidth,h=tip.offsetHeight;
tip.style.left=Math.max(4,Math.min(x,innerWidth-w-6))+'px';
tip.style.top=(y+h+6>innerHeight?e.clientY-h-10:y)+'px';}
function time(s){return new Date(s*1000).toISOString().slice(0,16).replace('T',' ');}
function share(v){return (100*v).toFixed(1)+' %';}
function at(e,box){var r=box.getBoundingClientRect();
return Math.min(Math.max((e.clientX-r.left)/r.width,0),0.9999);}
function band(e,s){var map=s.closest('.heat').dataset,n=Number(map.columns);
var i=Math.floor(at(e,s)*n),when=time(Number(map.start)+i*Number(map.window));
if(s.dataset.rows)return when+': '+Number(s.dataset.rows.split(',')[i]).toLocaleString('en')+
' rows';
var v=s.dataset.scores.split(',')[i];
return when+': '+(v===''?'not judged':v+' thresholds');}
function cells(e,s){var x=at(e,s)*1000,i=s.dataset.lefts.split(',').slice(1,-1).filter(
function(left){return !(Number(left)>x);}).length;
return s.dataset.cells.split('|')[i]+': '+share(Number(s.dataset.now.split(',')[i]))+', was '+
share(Number(s.dataset.before.split(',')[i]));}
function move(e){var s=!e.target.closest?null:e.target.closest('svg[data-scores],svg[data-rows],'+
'svg[data-cells]');
if(!s){tip.hidden=true;return;}
show(e,s.dataset.cells===undefined?band(e,s):cells(e,s));}
document.addEventListener('pointermove',move);document.addEventListener('pointerdown',move);
document.addEventListener('scroll',function(){tip.hidden=true;},true);
document.querySelectorAll('svg[data-scores]>title,svg[data-rows]>title,svg[data-cells]>title')
.forEach(function(t){t.remove();});
addEventListener('beforeprint',function(){document.querySelectorAll('details').forEach(
function(d){d.open=true;});});
})();
"""


def policy(style: str = STYLE, script: str = SCRIPT) -> str:
    """What a page may do: its own style and script, and nothing else; no network."""
    scripts = f"script-src '{_digest(script)}'; " if script else ""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; {scripts}"
        "base-uri 'none'; form-action 'none'"
    )


def _digest(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"

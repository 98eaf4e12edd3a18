"""`serve-app monitor shadow`: how what shadows say compares with what was answered."""

from __future__ import annotations

from typing import Any

import click

from serve_app.cli import output
from serve_app.cli.admin import Place, only_the_monitor_knows, option_server
from serve_app.cli.completion import complete_endpoint
from serve_app.cli.records_options import option_within

_HEADS = [
    "endpoint", "shadow", "rows", "agreement (95 %)", "kappa", "score difference (5 to 95 %)",
    "KS", "PSI",
]  # fmt: skip
_REQUEST_HEADS = [
    "endpoint", "shadow", "shown", "failed", "timed out", "dropped", "answers failed",
    "time difference (median, 95 %)",
]  # fmt: skip
_LABEL_HEADS = [
    "endpoint", "shadow", "labels", "both right", "only answer", "only shadow", "both wrong",
    "McNemar p (once, at every look)", "loss difference (95 %, at every look)",
]  # fmt: skip

_P_VALUES = ("exact_p_value", "p_value_at_every_look")


@click.command()
@click.argument("endpoint", required=False, shell_complete=complete_endpoint)
@option_within("1d", "Only requests since then")
@click.option(
    "--segments",
    "by_segment",
    is_flag=True,
    help="Each of the endpoint's segments by itself, and who answered; --json always has them.",
)
@option_server
@output.option_state
@output.as_json
def shadow(
    endpoint: str | None,
    within_s: int,
    by_segment: bool,
    server: str | None,
    state: str,
    as_json: bool,
) -> None:
    """Compare what shadows said with what was answered, request by request.

    Differences are the shadow's value less that of the answer: of the score (the probability of the
    second class, or the number), of the seconds it took, and of the loss once labels have come.
    """
    results = Place(server, state).ask(
        lambda client: client.watch("shadow", endpoint, within_s),
        only_the_monitor_knows("what shadows said"),
    )
    if as_json:
        output.print_json(results)
        return
    if not results:
        click.echo(
            "no endpoint has a shadow; name one in its settings, as `shadows: [{model: churn@2}]`"
        )
        return
    judged = [one for one in results if one["not_judged"] is None]
    if judged:
        output.print_table("Shadows", _HEADS, [_compared(one) for one in judged])
        output.print_table("Requests", _REQUEST_HEADS, [_requests(one) for one in judged])
    labelled = [one for one in judged if one["labelled"]["rows"]]
    if labelled:
        output.print_table("Labelled rows", _LABEL_HEADS, [_labelled(one) for one in labelled])
    if by_segment:
        _print_segments(judged)
    for one in results:
        if one["not_judged"] is not None:
            click.echo(f"{one['endpoint']}, {one['shadow']}: {one['not_judged']}")


def _print_segments(results: list[dict[str, Any]]) -> None:
    rows = [
        [one["endpoint"], one["shadow"], f"{part['column']}={part['value']}", *_compared(part)[2:]]
        for one in results
        for part in one["segments"]
    ]
    output.print_table("By segment", [*_HEADS[:2], "segment", *_HEADS[2:]], rows)


def _compared(one: dict[str, Any]) -> list[Any]:
    kappa, score, distance = one["kappa"], one["score_difference"], one.get("score_distance")
    return [
        one.get("endpoint", ""),
        one.get("shadow", ""),
        one["rows"],
        _interval(one["agreement"]),
        "" if kappa is None else f"{kappa:.3f}",
        "" if score is None else f"{score['mean']:+.4g} ({_quantiles(score, '0.05', '0.95')})",
        "" if distance is None else f"{distance['ks']:.3f}",
        "" if distance is None else f"{distance['psi']:.3f}",
    ]


def _requests(one: dict[str, Any]) -> list[Any]:
    requests, took = one["requests"], one["latency_difference_s"]
    return [
        one["endpoint"],
        one["shadow"],
        requests["shown"],
        _share(requests["shadow_error_rate"]),
        requests["timed_out"],
        requests["dropped"],
        _share(requests["answer_error_rate"]),
        "" if took is None else ", ".join(_milliseconds(took, share) for share in ("0.5", "0.95")),
    ]


def _labelled(one: dict[str, Any]) -> list[Any]:
    labelled = one["labelled"]
    counts = ("rows", "both_right", "only_answer_right", "only_shadow_right", "both_wrong")
    test = labelled.get("mcnemar")
    return [
        one["endpoint"],
        one["shadow"],
        *(labelled[name] for name in counts),
        "" if test is None else ", ".join(_p_value(test[name]) for name in _P_VALUES),
        _loss(labelled["loss_difference"]),
    ]


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _loss(loss: dict[str, Any]) -> str:
    if loss["low"] is None:
        return f"{loss['mean']:+.4g}"
    return f"{loss['mean']:+.4g} ({loss['low']:+.4g} to {loss['high']:+.4g})"


def _interval(metric: dict[str, Any] | None) -> str:
    if metric is None:
        return ""
    return f"{metric['value']:.2%} ({metric['low']:.2%} to {metric['high']:.2%})"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _quantiles(differences: dict[str, Any], low: str, high: str) -> str:
    quantiles = differences["quantiles"]
    return f"{quantiles[low]:+.4g} to {quantiles[high]:+.4g}"


def _milliseconds(differences: dict[str, Any], share: str) -> str:
    return f"{1000 * differences['quantiles'][share]:+.3g} ms"

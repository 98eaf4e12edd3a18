"""What a config says of replicas and cannot mean is named with its line and key."""

import pytest

from serve_app.serving.checking.validate import validate_text

CONFIG = """\
applications:
- name: gateway
  route_prefix: /
  import_path: serve_app.app:gateway
  deployments:
  - name: Gateway
{lines}
http_options: {{host: 127.0.0.1}}
"""
BY_LOAD = "policy: {policy_function: serve_app.serving.autoscaling:ByLoad}"


def findings(*lines):
    text = CONFIG.format(lines="\n".join(f"    {line}" for line in lines))
    return [(f.line, f.key.rpartition("deployments.0.")[2], f.message) for f in
            validate_text(text).findings]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "line", "key", "said"),
    [
        (["autoscaling_config:", "  min_replicas: 3", "  max_replicas: 2"], 8,
         "autoscaling_config.min_replicas", "min_replicas 3 is above max_replicas 2"),
        (["autoscaling_config: {min_replicas: 3}"], 7,
         "autoscaling_config.min_replicas", "which is 1 where nothing is said"),
        (["autoscaling_config:", "  target_ongoing_requests: 0"], 8,
         "autoscaling_config.target_ongoing_requests", "greater than 0"),
        (["autoscaling_config:", "  upscale_delay_s: -1"], 8,
         "autoscaling_config.upscale_delay_s", "greater than or equal to 0"),
        (["autoscaling_config:", "  look_back_period_s: 5"], 8,
         "autoscaling_config.look_back_period_s", "less often than they are looked at"),
        (["num_replicas: 2", "autoscaling_config: {max_replicas: 3}"], 7,
         "num_replicas", "write one of the two"),
        (["max_ongoing_requests: 8", "autoscaling_config:", "  target_ongoing_requests: 9"], 9,
         "autoscaling_config.target_ongoing_requests", "takes 8 requests at once"),
        (["autoscaling_config: {max_replicas: 3, initial_replicas: 9}"], 7,
         "autoscaling_config", "initial_replicas (9)"),
        (["autoscaling_config:", "  policy: {policy_function: serve_app.serving.autoscaling:By}"],
         8, "autoscaling_config.policy.policy_function", "has no 'By'"),
        (["autoscaling_config:", "  policy: {policy_function: nowhere:Policy}"],
         8, "autoscaling_config.policy.policy_function", "cannot be imported"),
        (["autoscaling_config:", "  policy: {policy_function: ByLoad}"],
         8, "autoscaling_config.policy.policy_function", "no import path"),
        (["autoscaling_config:", "  policy:", f"    {BY_LOAD[9:-1]}",
          "    policy_kwargs: {target_busy: 0.5}"],
         10, "autoscaling_config.policy.policy_kwargs", "stand in the deployment's `user_config`"),
        (["user_config: {target_busy: 0.5}"], 7, "user_config", "have no effect"),
        ([f"autoscaling_config: {{{BY_LOAD}}}", "user_config: {target_busy: 0}"], 8,
         "user_config.target_busy", "greater than 0"),
        ([f"autoscaling_config: {{{BY_LOAD}}}", "user_config:", "  target_wait_ms: -5"], 9,
         "user_config.target_wait_ms", "greater than 0"),
        ([f"autoscaling_config: {{{BY_LOAD}}}", "user_config:", "  target_bussy: 0.5"], 9,
         "user_config.target_bussy", "Did you mean 'target_busy'?"),
        ([f"autoscaling_config: {{{BY_LOAD}}}", "user_config:", "  schedule:",
          '  - {at: "mon 24:00", min_replicas: 1}'],
         10, "user_config.schedule.0", "never matches"),
        ([f"autoscaling_config: {{{BY_LOAD}}}", "user_config:", "  schedule:",
          '  - {at: "mon 08:00", min_replicas: 1}', '  - {at: "daily 08:00", min_replicas: 1}',
          '  - {at: "tue 08:00", min_replicas: 1}', '  - {at: "tue 08:00", min_replicas: 1}'],
         8, "user_config", "`schedule` entry 4 ('tue 08:00') never matches"),
        ([f"autoscaling_config: {{{BY_LOAD}}}", "user_config:", "  schedule:",
          '  - {at: "mon 08:00", min_replicas: 2}'],
         10, "user_config.schedule.0.min_replicas", "more than `max_replicas` 1 allows"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_finding(lines, line, key, said):
    (found,) = findings(*lines)
    assert found[:2] == (line, key)
    assert said in found[2]


@pytest.mark.parametrize(
    "lines",
    [
        ["autoscaling_config: {max_replicas: 3}"],
        ["num_replicas: 2"],
        ["num_replicas: auto"],
        ["num_replicas: auto", "autoscaling_config: {max_replicas: 3}"],
        [f"autoscaling_config: {{min_replicas: 0, max_replicas: 4, {BY_LOAD}}}",
         'user_config: {schedule: [{at: "mon-fri 08:00", min_replicas: 4}], timezone: Asia/Tokyo}'],
        ["autoscaling_config:", "  policy:",
         "    policy_function: ray.serve.autoscaling_policy:default_autoscaling_policy"],
    ],
)  # fmt: skip
def test_what_can_be_meant_is_let_be(lines):
    assert findings(*lines) == []

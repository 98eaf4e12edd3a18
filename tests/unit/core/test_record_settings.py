"""What of an endpoint's requests is kept."""

from serve_app.core.record_settings import RecordSettings


def test_settings_survive_json_and_a_salt_is_not_shown():
    settings = RecordSettings(
        redact=frozenset({"age"}), callers="identity", caller_salt="0123456789abcdef"
    )
    assert RecordSettings.from_json(settings.to_json()) == settings
    assert "0123456789abcdef" not in repr(settings)


def test_gateways_of_a_former_version_read_what_says_nothing_of_callers():
    former = {"key", "sample", "redact", "retention_days", "feedback_horizon_days"}
    assert RecordSettings(key="order_id").to_json().keys() == former

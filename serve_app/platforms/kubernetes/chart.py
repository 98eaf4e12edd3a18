"""The chart of Helm, written from the same documents as the plain files."""

from __future__ import annotations

import json

import serve_app
from serve_app.documents.yaml_text import yaml_text
from serve_app.platforms.images.places import HTTP_PORT
from serve_app.platforms.kubernetes.installation import Installation, differing
from serve_app.platforms.kubernetes.labels import CHART
from serve_app.platforms.kubernetes.parts import PARTS, SHARED, Part
from serve_app.platforms.kubernetes.tree import NAME_HELPER, helper, template
from serve_app.platforms.kubernetes.values import nested, values_schema, values_yaml

LONGEST_NAME = 47
_WRITTEN = "Written by `serve-app export helm`; change serve_app/platforms/kubernetes instead."
_NAME = f"""\
{{{{- /* {_WRITTEN} */ -}}}}
{{{{- define "{NAME_HELPER}" -}}}}
{{{{- $name := .Values.nameOverride | default .Release.Name | trunc {LONGEST_NAME} -}}}}
{{{{- $name = $name | trimSuffix "-" -}}}}
{{{{- if not (regexMatch "^[a-z]([a-z0-9-]*[a-z0-9])?$" $name) -}}}}
{{{{- fail (printf "%s cannot name a RayService: a letter first, then letters, digits, hyphens; \
set nameOverride" $name) -}}}}
{{{{- end -}}}}
{{{{- $name -}}}}
{{{{- end -}}}}
"""
_NOTES = f"""\
{{{{- $name := include "{NAME_HELPER}" . }}}}
{{{{ $name }}}} is on its way: KubeRay makes a cluster, and Serve its applications.

  kubectl -n {{{{ .Release.Namespace }}}} wait --for=condition=Ready --timeout=10m \\
    rayservice/{{{{ $name }}}}
  kubectl -n {{{{ .Release.Namespace }}}} port-forward svc/{{{{ $name }}}}-serve-svc {HTTP_PORT} &
  curl -s 127.0.0.1:{HTTP_PORT}/v1/endpoints -H "x-api-key: $(cat ops.key)"
  curl -s 127.0.0.1:{HTTP_PORT}/v1/models/NAME:predict -H "x-api-key: $(cat ops.key)" \\
    -H 'content-type: application/json' -d @rows.json

It needs the secret {{{{ .Values.auth.existingSecret }}}} with Ray's token under auth_token
{{{{- if .Values.access.existingSecret }}}}, and
{{{{ .Values.access.existingSecret }}}} with the keys of those who may ask under keys.json:

  serve-app keys create ops --scope '*' --file keys.json --output-file ops.key
  kubectl -n {{{{ .Release.Namespace }}}} create secret generic \\
    {{{{ .Values.access.existingSecret }}}} --from-file=keys.json
{{{{- end }}}}
{{{{- if and .Values.state.enabled (ne .Values.upgradeStrategy "None") }}}}
WARNING: two clusters would write one SQLite database; set upgradeStrategy to None.
{{{{- end }}}}
"""
_IGNORED = """\
# What stays out of a packaged chart.
ci/
.git*
*.swp
"""


def chart() -> dict[str, str]:
    """The files of the chart, by their path in its folder."""
    about = {
        "apiVersion": "v2",
        "name": CHART,
        "description": "Trained tabular models on Ray Serve, with KubeRay's operator",
        "type": "application",
        "version": serve_app.__version__,
        "appVersion": serve_app.__version__,
        # Older ones get no fixes any more.
        "kubeVersion": ">=1.29.0-0",
        "keywords": ["ray", "serve", "models", "prediction"],
    }
    schema = json.dumps(values_schema(), indent=2, ensure_ascii=False) + "\n"
    head = "# What differs between installations; values.schema.json says what each may be.\n"
    files = {
        ".helmignore": _IGNORED,
        "Chart.yaml": f"# {_WRITTEN}\n{yaml_text(about)}",
        "values.yaml": head + values_yaml(),
        "values.schema.json": schema,
        "templates/_helpers.tpl": _NAME + "\n".join(map(helper, SHARED)),
        "templates/NOTES.txt": _NOTES,
    }
    return {**files, **{f"templates/{part.file}": _template(part) for part in PARTS}}


def _template(part: Part) -> str:
    text = template(part.tree)
    if part.given is None:
        return text
    return f"{{{{- if .Values.{part.given} }}}}\n{text}{{{{- end }}}}\n"


def values_file(installation: Installation) -> str:
    """The values by which the chart makes this installation.

    Raises:
        ConfigError: the config is none.
        InvalidInput: a value is not known, or is not what it may be.
    """
    return yaml_text(nested(differing(installation)))


def values_path(size: str) -> str:
    """Where an installation's values stand in the chart's folder; testers of charts look there."""
    return f"ci/{size}-values.yaml"

{{/* Names, labels and small conversions. */}}

{{- define "streamgate.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "streamgate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "streamgate.name" .) .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name (include "streamgate.name" .) | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* Called with (dict "root" $ "component" "data"). */}}
{{- define "streamgate.selector" -}}
app.kubernetes.io/name: {{ include "streamgate.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "streamgate.labels" -}}
{{ include "streamgate.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: streamgate
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "streamgate.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{- end -}}
{{- end -}}
{{- end }}

{{- define "streamgate.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "streamgate.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{/* A value as the program reads it. Numbers of a values file are floats, and 1048576 must not become 1.048576e+06. */}}
{{- define "streamgate.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ printf "%.0f" . }}{{- else -}}{{ . }}{{- end -}}
{{- end }}

{{/* Seconds that a drain may take, rounded up; SHUTDOWN_TIMEOUT is 10, 2.5, 10s or 500ms. Called with the settings of one plane. */}}
{{- define "streamgate.drainSeconds" -}}
{{- $text := include "streamgate.text" (get . "SHUTDOWN_TIMEOUT" | default 10) -}}
{{- if hasSuffix "ms" $text -}}
{{ divf (trimSuffix "ms" $text | float64) 1000 | ceil | int }}
{{- else -}}
{{ trimSuffix "s" $text | float64 | ceil | int }}
{{- end -}}
{{- end }}

{{/* What there is of a configuration: "file" where data planes run from one, else "". */}}
{{- define "streamgate.source" -}}
{{- if or .Values.config .Values.existingConfigMap -}}file{{- end -}}
{{- end }}

{{- define "streamgate.hasControl" -}}
{{- if and .Values.control.enabled (not (include "streamgate.source" .)) -}}yes{{- end -}}
{{- end }}

{{- define "streamgate.bundlesRedis" -}}
{{- if and (not (include "streamgate.source" .)) (not .Values.redis.external.host) -}}
{{- if not .Values.redis.bundled.enabled -}}
{{- fail "the planes need a Redis to meet in: set redis.external.host or redis.bundled.enabled, or give the configuration in `config`" -}}
{{- end -}}
yes
{{- end -}}
{{- end }}

{{- define "streamgate.authSecret" -}}
{{ default (printf "%s-auth" (include "streamgate.fullname" .)) .Values.auth.existingSecret }}
{{- end }}

{{/* Whether the chart makes tokens itself. */}}
{{- define "streamgate.makesTokens" -}}
{{- if and .Values.auth.enabled (not .Values.auth.tokens) (not .Values.auth.existingSecret) -}}yes{{- end -}}
{{- end }}

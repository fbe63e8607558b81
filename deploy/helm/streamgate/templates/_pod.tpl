{{/* What the pods of both planes have in common. */}}

{{/* The fields of a pod's spec around its containers. Called with (dict "root" $ "values" .Values.data "component" "data"). */}}
{{- define "streamgate.pod" -}}
serviceAccountName: {{ include "streamgate.serviceAccount" .root }}
automountServiceAccountToken: false
# Else a Service called redis would set REDIS_PORT to an URL.
enableServiceLinks: false
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  {{- $own := dict "labelSelector" (dict "matchLabels" (include "streamgate.selector" $ | fromYaml)) }}
  - {{- toYaml (merge (deepCopy .) $own) | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "streamgate.metadata" -}}
labels:
  {{- include "streamgate.labels" . | nindent 2 }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "streamgate.container" -}}
image: {{ include "streamgate.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* Variables of settings, the plane's own before those of both. Called with (list own both). */}}
{{- define "streamgate.settings" -}}
{{- range $name, $value := merge (deepCopy (index . 0)) (index . 1) }}
- name: {{ $name }}
  value: {{ include "streamgate.text" $value | quote }}
{{- end }}
{{- end }}

{{/* Who may call: the same on both planes. */}}
{{- define "streamgate.authEnv" -}}
{{- if .Values.auth.enabled }}
- name: STREAMGATE_TOKEN_FILE
  value: /etc/streamgate/tokens/tokens
{{- else }}
- name: CONTROL_AUTH
  value: "off"
{{- end }}
{{- end }}

{{/* Where the planes meet. */}}
{{- define "streamgate.busEnv" -}}
{{- $external := .Values.redis.external }}
{{- if include "streamgate.bundlesRedis" . }}
- name: REDIS_HOST
  value: {{ include "streamgate.fullname" . }}-redis
- name: REDIS_PASSWORD
  value: file:/etc/streamgate/redis/password
{{- else }}
{{- if and $external.tls.enabled (not $external.tls.caSecret) (not $external.tls.clientSecret) }}
- name: REDIS_URL
  value: {{ printf "rediss://%s:%v" $external.host $external.port | quote }}
{{- else }}
- name: REDIS_HOST
  value: {{ $external.host | quote }}
- name: REDIS_PORT
  value: {{ $external.port | quote }}
{{- end }}
{{- if and $external.username (not $external.existingSecret) }}
{{- fail "redis.external.username is set and redis.external.existingSecret, which has its password, is not" }}
{{- end }}
{{- with $external.username }}
- name: REDIS_USERNAME
  value: {{ . | quote }}
{{- end }}
{{- if $external.existingSecret }}
- name: REDIS_PASSWORD
  value: file:/etc/streamgate/redis/password
{{- end }}
{{- if $external.tls.enabled }}
{{- if $external.tls.caSecret }}
- name: REDIS_TLS_CA
  value: /etc/streamgate/redis-ca/ca.crt
{{- end }}
{{- if $external.tls.clientSecret }}
- name: REDIS_TLS_CERT
  value: /etc/streamgate/redis-client/tls.crt
- name: REDIS_TLS_KEY
  value: /etc/streamgate/redis-client/tls.key
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.manifestKey.existingSecret }}
- name: MANIFEST_KEY
  value: file:/etc/streamgate/manifest-key/key
{{- end }}
{{- end }}

{{/* The volumes that belong to those variables, by name: what is mounted where, and from which Secret. As YAML of a map. */}}
{{- define "streamgate.secrets" -}}
{{- if .Values.auth.enabled }}
tokens:
  secretName: {{ include "streamgate.authSecret" . }}
  items: [{ key: tokens, path: tokens }]
{{- end }}
{{- if not (include "streamgate.source" .) }}
{{- $external := .Values.redis.external }}
{{- if include "streamgate.bundlesRedis" . }}
redis:
  secretName: {{ include "streamgate.fullname" . }}-redis
  items: [{ key: password, path: password }]
{{- else if $external.existingSecret }}
redis:
  secretName: {{ $external.existingSecret }}
  items: [{ key: {{ $external.passwordKey | quote }}, path: password }]
{{- end }}
{{- if and $external.host $external.tls.enabled }}
{{- with $external.tls.caSecret }}
redis-ca:
  secretName: {{ . }}
  items: [{ key: ca.crt, path: ca.crt }]
{{- end }}
{{- with $external.tls.clientSecret }}
redis-client:
  secretName: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.manifestKey.existingSecret }}
manifest-key:
  secretName: {{ . }}
  items: [{ key: {{ $.Values.manifestKey.key | quote }}, path: key }]
{{- end }}
{{- end }}
{{- end }}

{{/* Called with a map as above. Readable for the program's group: others would be refused. */}}
{{- define "streamgate.secretVolumes" -}}
{{- range $name, $secret := . }}
- name: {{ $name }}
  secret:
    # 0440, in a form that every YAML reads alike.
    defaultMode: 288
    {{- toYaml $secret | nindent 4 }}
{{- end }}
{{- end }}

{{- define "streamgate.secretMounts" -}}
{{- range $name, $_ := . }}
- name: {{ $name }}
  mountPath: /etc/streamgate/{{ $name }}
  readOnly: true
{{- end }}
{{- end }}

{{/* The pod of a data plane, the same in a Deployment, a DaemonSet and a StatefulSet. */}}

{{/* Settings of the data plane, its own before those of both planes. As YAML of a map. */}}
{{- define "streamgate.dataSettings" -}}
{{- toYaml (merge (deepCopy .Values.data.settings) .Values.settings) }}
{{- end }}

{{- define "streamgate.dataPod" -}}
{{- $data := .Values.data }}
{{- $parts := dict "root" . "values" $data "component" "data" }}
{{- $source := include "streamgate.source" . }}
{{- $secrets := include "streamgate.secrets" . | fromYaml }}
{{- if $data.tls.secretName }}
{{- $_ := set $secrets "tls" (dict "secretName" $data.tls.secretName) }}
{{- end }}
{{- if $data.adminTls.secretName }}
{{- $_ := set $secrets "admin-tls" (dict "secretName" $data.adminTls.secretName) }}
{{- end }}
{{- $drain := include "streamgate.drainSeconds" (include "streamgate.dataSettings" . | fromYaml) | int }}
{{- $hostPorts := and $data.hostPorts (eq $data.mode "daemonset") }}
metadata:
  {{- include "streamgate.metadata" $parts | nindent 2 }}
spec:
  {{- include "streamgate.pod" $parts | nindent 2 }}
  # What preStop and the drain take, and a little.
  terminationGracePeriodSeconds: {{ add $data.preStopSeconds $drain 5 }}
  containers:
    - name: streamgate
      args: [data]
      {{- include "streamgate.container" . | nindent 6 }}
      env:
        # What this plane is called in `streamgate planes`.
        - name: PLANE_ID
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        # Probes and scrapes come from other addresses than loopback.
        - name: ADMIN_HOST
          value: 0.0.0.0
        {{- include "streamgate.authEnv" . | nindent 8 }}
        {{- if $source }}
        - name: CONFIG
          value: /etc/streamgate/config/streamgate.json
        {{- else }}
        {{- include "streamgate.busEnv" . | nindent 8 }}
        {{- end }}
        {{- if $data.tls.secretName }}
        - name: TLS_CERT
          value: /etc/streamgate/tls/tls.crt
        - name: TLS_KEY
          value: /etc/streamgate/tls/tls.key
        {{- if $data.tls.clientCa }}
        - name: TLS_CLIENT_CA
          value: /etc/streamgate/tls/ca.crt
        {{- end }}
        {{- end }}
        {{- if $data.adminTls.secretName }}
        - name: ADMIN_TLS_CERT
          value: /etc/streamgate/admin-tls/tls.crt
        - name: ADMIN_TLS_KEY
          value: /etc/streamgate/admin-tls/tls.key
        {{- end }}
        {{- include "streamgate.settings" (list $data.settings .Values.settings) | nindent 8 }}
        {{- with $data.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: tcp
          containerPort: 8081
          {{- if $hostPorts }}
          hostPort: 8081
          {{- end }}
        - name: udp
          containerPort: 8082
          protocol: UDP
          {{- if $hostPorts }}
          hostPort: 8082
          {{- end }}
        {{- if $data.tls.secretName }}
        - name: tls
          containerPort: 6514
          {{- if $hostPorts }}
          hostPort: 6514
          {{- end }}
        {{- end }}
        - name: admin
          containerPort: 9464
      startupProbe:
        httpGet:
          path: /healthz
          port: admin
          {{- if $data.adminTls.secretName }}
          scheme: HTTPS
          {{- end }}
        periodSeconds: 1
        failureThreshold: 60
      livenessProbe:
        httpGet:
          path: /healthz
          port: admin
          {{- if $data.adminTls.secretName }}
          scheme: HTTPS
          {{- end }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet:
          path: /readyz
          port: admin
          {{- if $data.adminTls.secretName }}
          scheme: HTTPS
          {{- end }}
        periodSeconds: 5
        timeoutSeconds: 3
      {{- if $data.preStopSeconds }}
      lifecycle:
        # Its listeners stay open until nobody is sent here any more; then SIGTERM comes, and it drains.
        preStop:
          sleep:
            seconds: {{ $data.preStopSeconds }}
      {{- end }}
      {{- with $data.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: state
          mountPath: /var/lib/streamgate
        {{- if $source }}
        - name: config
          mountPath: /etc/streamgate/config
          readOnly: true
        {{- end }}
        {{- include "streamgate.secretMounts" $secrets | nindent 8 }}
        {{- with $data.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    {{- if ne $data.mode "statefulset" }}
    # No sizeLimit: a pod that spills more would be evicted, and what it holds lost. Queues have their own bounds (queue.spool_max_bytes).
    - name: state
      emptyDir: {}
    {{- end }}
    {{- if $source }}
    - name: config
      {{- if and .Values.configSecret (not .Values.existingConfigMap) }}
      secret:
        secretName: {{ include "streamgate.fullname" . }}-config
        # 0440, in a form that every YAML reads alike.
        defaultMode: 288
      {{- else }}
      configMap:
        name: {{ default (printf "%s-config" (include "streamgate.fullname" .)) .Values.existingConfigMap }}
      {{- end }}
    {{- end }}
    {{- include "streamgate.secretVolumes" $secrets | nindent 4 }}
    {{- with $data.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* Flows, as parts of network policies. */}}
{{- define "hubbub.peer" -}}
- podSelector:
    matchLabels: {{- include "hubbub.selector" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
{{- end }}
{{- define "hubbub.dnsFlow" -}}
- to: {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end }}
{{/* Flows to a store. (dict "root" $ "store" "postgres") */}}
{{- define "hubbub.storeFlow" -}}
{{- $v := .root.Values -}}
{{- if eq .store "postgres" }}
{{- if $v.database.evaluation.enabled }}
- to: {{- include "hubbub.peer" (dict "root" .root "component" "postgres") | nindent 4 }}
  ports: [{port: 5432}]
{{- else if $v.database.cloudnativePG.enabled }}
- to:
    - podSelector:
        matchLabels: {cnpg.io/cluster: {{ include "hubbub.name" .root }}-postgres}
  ports: [{port: 5432}]
{{- else }}
- ports: [{port: {{ $v.database.port }}}]
  {{- with $v.networkPolicy.database }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- else }}
{{- if $v.redis.evaluation.enabled }}
- to: {{- include "hubbub.peer" (dict "root" .root "component" "valkey") | nindent 4 }}
  ports: [{port: 6379}]
{{- else }}
- ports:
    {{- range $v.redis.ports }}
    - port: {{ . }}
    {{- end }}
  {{- with $v.networkPolicy.redis }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

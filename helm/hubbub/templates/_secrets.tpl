{{/* The secrets that this chart keeps, as `stringData`: given by value, or generated once. What was
     generated is found again in the cluster; `helm template` has no cluster, and generates anew. */}}
{{- define "hubbub.secretsGiven" -}}
{{- $v := .Values -}}
{{ list $v.auth.secret $v.grpc.token $v.database.url $v.redis.urls | toJson }}
{{- end }}

{{- define "hubbub.secrets" -}}
{{- $v := .Values -}}
{{- $name := include "hubbub.name" . -}}
{{- $kept := (lookup "v1" "Secret" .Release.Namespace (include "hubbub.secretName" .)).data | default dict -}}
{{- $out := dict -}}
{{- $generated := list -}}
{{- if and (include "hubbub.sharedSecret" .) (not $v.auth.existingSecret.name) -}}
{{- $_ := set $out "auth-secret" $v.auth.secret -}}
{{- $generated = append $generated "auth-secret" -}}
{{- end -}}
{{- if not $v.grpc.existingSecret.name -}}
{{- $_ := set $out "grpc-token" $v.grpc.token -}}
{{- $generated = append $generated "grpc-token" -}}
{{- end -}}
{{- if $v.database.evaluation.enabled -}}{{- $generated = append $generated "postgres-password" -}}{{- end -}}
{{- if $v.redis.evaluation.enabled -}}{{- $generated = append $generated "redis-password" -}}{{- end -}}
{{- range $generated -}}
{{- if not (get $out .) -}}
{{- $_ := set $out . (hasKey $kept . | ternary (get $kept . | b64dec) (randAlphaNum 40)) -}}
{{- end -}}
{{- end -}}
{{- if $v.database.url -}}
{{- $_ := set $out "database-url" $v.database.url -}}
{{- else if $v.database.evaluation.enabled -}}
{{- $_ := set $out "database-url" (printf "postgres://hubbub:%s@%s-postgres:5432/hubbub" (get $out "postgres-password") $name) -}}
{{- end -}}
{{- if $v.redis.urls -}}
{{- $_ := set $out "redis-url" (join "," $v.redis.urls) -}}
{{- else if $v.redis.evaluation.enabled -}}
{{- $_ := set $out "redis-url" (printf "redis://:%s@%s-valkey:6379" (get $out "redis-password") $name) -}}
{{- end -}}
{{- if $out -}}{{ $out | toYaml }}{{- end -}}
{{- end }}

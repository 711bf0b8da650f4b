{{/* What the schema cannot say, as one list. Nothing is rendered while there is something in it. */}}
{{- define "hubbub.check" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}

{{- $stores := 0 -}}
{{- range list $v.database.url $v.database.existingSecret.name $v.database.cloudnativePG.enabled $v.database.evaluation.enabled -}}
{{- if . }}{{ $stores = add1 $stores }}{{ end -}}
{{- end -}}
{{- if ne (int $stores) 1 -}}
{{- $wrong = append $wrong (printf "database: exactly one of url, existingSecret.name, cloudnativePG.enabled and evaluation.enabled has to be set (%d are)" (int $stores)) -}}
{{- end -}}
{{- if and $v.database.url (not (regexMatch "^postgres(ql)?://[^/@]+@?[^/]+/.+" $v.database.url)) -}}
{{- $wrong = append $wrong "database.url: is not postgres://user:password@host/name" -}}
{{- end -}}

{{- with $v.database.cloudnativePG -}}
{{- if and .enabled (gt (int .instances) 1) (ge (int .synchronous.number) (int .instances)) -}}
{{- $wrong = append $wrong "database.cloudnativePG.synchronous.number: must be below instances" -}}
{{- end -}}
{{- end }}

{{- $buses := 0 -}}
{{- range list $v.redis.urls $v.redis.existingSecret.name $v.redis.evaluation.enabled -}}
{{- if . }}{{ $buses = add1 $buses }}{{ end -}}
{{- end -}}
{{- if ne (int $buses) 1 -}}
{{- $wrong = append $wrong (printf "redis: exactly one of urls, existingSecret.name and evaluation.enabled has to be set (%d are)" (int $buses)) -}}
{{- end -}}

{{- if and $v.auth.secret $v.auth.existingSecret.name -}}
{{- $wrong = append $wrong "auth: secret and existingSecret.name are both set" -}}
{{- end -}}
{{- if and $v.auth.secret (lt (len $v.auth.secret) 32) -}}
{{- $wrong = append $wrong "auth.secret: has fewer than 32 bytes" -}}
{{- end -}}
{{- if ne (empty $v.auth.publicKeys.files) (empty $v.auth.publicKeys.existingSecret) -}}
{{- $wrong = append $wrong "auth.publicKeys: existingSecret and files belong together" -}}
{{- end -}}
{{- if and $v.grpc.token $v.grpc.existingSecret.name -}}
{{- $wrong = append $wrong "grpc: token and existingSecret.name are both set" -}}
{{- end -}}

{{- if and (eq $v.migrations.mode "job") (not $v.database.existingSecret.name) -}}
{{- $wrong = append $wrong "migrations.mode: job runs before anything of this release is there, so it needs database.existingSecret.name" -}}
{{- end -}}

{{- $ways := 0 -}}
{{- range list $v.mtls.existingSecret $v.mtls.certManager.enabled -}}
{{- if . }}{{ $ways = add1 $ways }}{{ end -}}
{{- end -}}
{{- if and $v.mtls.enabled (ne (int $ways) 1) -}}
{{- $wrong = append $wrong "mtls: exactly one of existingSecret and certManager.enabled has to be set" -}}
{{- end -}}

{{- $needed := include "hubbub.graceSeconds" . | int -}}
{{- $grace := $v.gateway.terminationGracePeriodSeconds -}}
{{- if and (not (kindIs "invalid" $grace)) (lt (int $grace) $needed) -}}
{{- $wrong = append $wrong (printf "gateway.terminationGracePeriodSeconds: %d is shorter than the drain, which takes up to %d (preStop, notice, window, patience, and 15)" (int $grace) $needed) -}}
{{- end -}}

{{- $scaling := $v.gateway.autoscaling -}}
{{- if and $scaling.enabled $scaling.keda -}}
{{- $wrong = append $wrong "gateway.autoscaling: enabled and keda are both set, and would pull at the same number" -}}
{{- end -}}
{{- if or $scaling.enabled $scaling.keda -}}
{{- if lt (int $scaling.maxReplicas) (int $v.gateway.replicas) -}}
{{- $wrong = append $wrong (printf "gateway.autoscaling.maxReplicas: %d is less than gateway.replicas, %d" (int $scaling.maxReplicas) (int $v.gateway.replicas)) -}}
{{- end -}}
{{- if ge (int $scaling.connections) (int $v.gateway.connectionsMax) -}}
{{- $wrong = append $wrong (printf "gateway.autoscaling.connections: %d leaves no room below gateway.connectionsMax, %d" (int $scaling.connections) (int $v.gateway.connectionsMax)) -}}
{{- end -}}
{{- if lt (int $scaling.scaleDownPeriodSeconds) $needed -}}
{{- $wrong = append $wrong (printf "gateway.autoscaling.scaleDownPeriodSeconds: %d is shorter than a drain, %d" (int $scaling.scaleDownPeriodSeconds) $needed) -}}
{{- end -}}
{{- end -}}
{{- if and $scaling.keda (not $scaling.prometheusAddress) -}}
{{- $wrong = append $wrong "gateway.autoscaling.prometheusAddress: KEDA has to ask somebody" -}}
{{- end -}}

{{- if and $v.identity.enabled (eq $v.identity.accounts "external") (not (or $v.auth.jwksUrl $v.auth.publicKeys.files $v.auth.secret $v.auth.existingSecret.name)) -}}
{{- $wrong = append $wrong "identity.accounts: external needs the issuer's keys: auth.jwksUrl, auth.publicKeys, auth.secret or auth.existingSecret" -}}
{{- end -}}

{{- if and $v.httpRoute.enabled (not $v.httpRoute.parentRefs) -}}
{{- $wrong = append $wrong "httpRoute.parentRefs: a route without a Gateway leads nowhere" -}}
{{- end -}}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) -}}
{{- $wrong = append $wrong "ingress.hosts: an Ingress without a host takes every name" -}}
{{- end -}}

{{- range $where, $settings := dict "settings" $v.settings "gateway.settings" $v.gateway.settings "room.settings" $v.room.settings "history.settings" $v.history.settings "identity.settings" $v.identity.settings -}}
{{- range $name, $_ := $settings -}}
{{- if regexMatch "(^|[._])(secret|token|password|url|urls|database)$" $name -}}
{{- $wrong = append $wrong (printf "%s: %s is a secret or leads to one, and would be readable in the Deployment; it has a value of its own" $where $name) -}}
{{- else if regexMatch "^(gateway\\.drain|shutdown|admin\\.listen|grpc\\.(room|history|identity|tls)|gateway\\.(internal|rebalance\\.(enabled|hold))|identity\\.accounts|.*\\.listen$)" $name -}}
{{- $wrong = append $wrong (printf "%s: %s is set by the chart; it has a value of its own" $where $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What the values add must not hide what the chart sets, and a mount needs its volume. */ -}}
{{- $root := . -}}
{{- range $role, $is := include "hubbub.roles" . | fromYaml -}}
{{- $scope := dict "root" $root "role" $role "is" $is -}}
{{- $set := dict -}}
{{- range include "hubbub.environment" $scope | fromYamlArray }}{{ $_ := set $set .name true }}{{ end -}}
{{- range concat $v.extraEnv (get $v $role).extraEnv -}}
{{- if hasKey $set .name -}}
{{- $wrong = append $wrong (printf "extraEnv: %s of %s is set already, by the chart, by settings or by another entry" .name $role) -}}
{{- end -}}
{{- $_ := set $set .name true -}}
{{- end -}}
{{- $volumes := dict -}}
{{- range include "hubbub.volumes" $scope | fromYamlArray -}}
{{- if hasKey $volumes .name -}}
{{- $wrong = append $wrong (printf "extraVolumes: %s of %s is there already" .name $role) -}}
{{- end -}}
{{- $_ := set $volumes .name true -}}
{{- end -}}
{{- range concat $v.extraVolumeMounts (get $v $role).extraVolumeMounts -}}
{{- if not (hasKey $volumes .name) -}}
{{- $wrong = append $wrong (printf "extraVolumeMounts: %s mounts %s, which is not in extraVolumes" $role .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- if $wrong -}}
{{- fail (printf "\n\nthe values do not hold:\n  - %s\n" (join "\n  - " $wrong)) -}}
{{- end -}}
{{- end }}

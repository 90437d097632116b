{{/* The first part of names. */}}
{{- define "loom.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What selects the pods of a service: (dict "root" $ "name" "ingest"). It never changes. */}}
{{- define "loom.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .name }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* The labels of an object: (dict "root" $ "name" "ingest"). */}}
{{- define "loom.labels" -}}
{{ include "loom.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: loom-lite
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* An image: (dict "root" $ "name" "ingest"). */}}
{{- define "loom.image" -}}
{{ printf "%s/%s:%s" .root.Values.image.repository .name (default .root.Chart.AppVersion .root.Values.image.tag) }}
{{- end -}}

{{/* A value that must be set: (dict "value" … "name" "nats.url" "what" "the NATS server's URL"). */}}
{{- define "loom.required" -}}
{{- required (printf "%s is required: %s" .name .what) .value -}}
{{- end -}}

{{/* The security contexts of all pods and containers: those of the Pod Security Standard
"restricted". */}}
{{- define "loom.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile:
  {{- if and (eq .name "recorder") (eq .root.Values.recorder.sandbox "localhost") }}
  type: Localhost
  localhostProfile: {{ .root.Values.recorder.seccompProfile }}
  {{- else }}
  type: RuntimeDefault
  {{- end }}
{{- end -}}

{{- define "loom.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The settings of a service as a map: those of all, those that values have names for, its own. */}}
{{- define "loom.settings" -}}
{{- $v := .root.Values -}}
{{- $s := dict "PORT" "3100" "NATS_URL" (include "loom.required" (dict "value" $v.nats.url "name" "nats.url" "what" "the NATS server's URL")) "DRAIN_TIMEOUT" (printf "%ds" (int $v.drainSeconds)) -}}
{{- if $v.nats.caSecret -}}
{{- $_ := set $s "NATS_CA" "/run/loom/nats-ca/ca.pem" -}}
{{- end -}}
{{- if (index $v .name).natsSecret -}}
{{- $_ := set $s "NATS_NKEY" (printf "/run/loom/nats/%s.nk" .name) -}}
{{- end -}}
{{- if has .name (list "ingest" "uploader" "console") -}}
{{- $_ := set $s "S3_ENDPOINT" (include "loom.required" (dict "value" $v.s3.endpoint "name" "s3.endpoint" "what" "the object store's URL")) -}}
{{- $_ := set $s "S3_REGION" $v.s3.region -}}
{{- end -}}
{{- if eq .name "ingest" -}}
{{- $_ := set $s "NATS_REPLICAS" (toString $v.nats.replicas) -}}
{{- end -}}
{{- if eq .name "recorder" -}}
{{- $_ := set $s "RECORDER_SLOTS" (toString $v.recorder.slots) -}}
{{- $_ := set $s "RECORDER_MEMORY_LIMIT" (toString (int $v.recorder.memoryPerSlot)) -}}
{{- $_ := set $s "CHROME_SANDBOX" (ternary "off" "on" (eq $v.recorder.sandbox "off")) -}}
{{- end -}}
{{- if eq .name "transcoder" -}}
{{- $_ := set $s "TRANSCODER_SLOTS" (toString $v.transcoder.slots) -}}
{{- end -}}
{{- if has .name (list "recorder" "transcoder" "uploader") -}}
{{- $_ := set $s "WORK_DIR" "/work" -}}
{{- end -}}
{{- if eq .name "console" -}}
{{- $_ := set $s "CONSOLE_PORT" "3200" -}}
{{- $_ := set $s "CONSOLE_URL" (include "loom.required" (dict "value" $v.console.url "name" "console.url" "what" "where users reach the console")) -}}
{{- end -}}
{{- range $k, $x := $v.settings -}}{{- $_ := set $s $k (toString $x) -}}{{- end -}}
{{- range $k, $x := (index $v .name).settings -}}{{- $_ := set $s $k (toString $x) -}}{{- end -}}
{{- toYaml $s -}}
{{- end -}}

{{/* The resources of a worker's container, made from its slots unless they are given. */}}
{{- define "loom.resources" -}}
{{- $s := index .root.Values .name -}}
{{- if $s.resources -}}
{{- toYaml $s.resources -}}
{{- else if eq .name "recorder" -}}
requests:
  cpu: {{ mul 1600 (int $s.slots) }}m
  memory: {{ add 256 (mul (div (int $s.memoryPerSlot) 2) (int $s.slots)) }}Mi
limits:
  memory: {{ add 512 (int $s.sharedMemory) (mul (int $s.memoryPerSlot) (int $s.slots)) }}Mi
{{- else -}}
requests:
  cpu: {{ mul 2000 (int $s.slots) }}m
  memory: {{ add 128 (mul (div (int $s.memoryPerSlot) 2) (int $s.slots)) }}Mi
limits:
  memory: {{ add 256 (mul (int $s.memoryPerSlot) (int $s.slots)) }}Mi
{{- end -}}
{{- end -}}

{{/* The services that run. */}}
{{- define "loom.services" -}}
{{- $all := list "ingest" "recorder" "transcoder" "uploader" -}}
{{- if .Values.console.enabled -}}{{- $all = append $all "console" -}}{{- end -}}
{{- toJson $all -}}
{{- end -}}

{{/* Whether the replicas of a service are set by a scaler: "true" or nothing. */}}
{{- define "loom.scaled" -}}
{{- if and (ne .root.Values.autoscaling.kind "none") (has .name (list "recorder" "transcoder")) -}}true{{- end -}}
{{- end -}}

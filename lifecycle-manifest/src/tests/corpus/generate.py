#!/usr/bin/env python3
"""Makes manifests in the style of those that are deployed, always the same ones.

Each pattern is a way to write that was seen in the file it names, with other names and numbers.
`reference.py` reads them, and keeps them with what it read in `corpus.json`.
"""

import json
import random

WORDS = "basket ledger mailer search billing catalog stock courier quotes invoices profile uploads".split()
PATTERNS = []


def pattern(folder, seen, variants=3):
    def keep(write):
        PATTERNS.append((folder, seen, write, variants))
        return write

    return keep


class Rules:
    """What is chosen at random, the same for each pattern and variant."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.name, self.other, self.third = self.random.sample(WORDS, 3)
        self.seconds = self.random.choice([7, 12, 20, 25, 28, 35, 45, 60, 75, 90, 120, 300])
        self.few = self.random.choice([5, 8, 10, 15, 20, 25])
        self.port = self.random.randint(3000, 9999)

    def one(self, *choices):
        return self.random.choice(choices)

    def span(self):
        """As Go and compose write a time."""
        seconds = self.seconds
        return self.one(f"{seconds}s", f"{seconds // 60}m{seconds % 60}s", f"{seconds}000ms", f"{seconds}.5s")

    def mode(self):
        return self.one("", "", f"      LIFECYCLE_GRACE_PERIOD: {self.seconds}s\n")


# --- compose -------------------------------------------------------------------------------------------


def compose(text, name="compose.yaml", **others):
    return {name: text, **others}


@pattern("compose", "docker/awesome-compose nginx-golang-postgres: build, healthcheck in one line, long volumes", 4)
def awesome(r):
    return compose(f"""services:
  {r.name}:
    build:
      context: backend
      target: builder
    secrets:
      - db-password
    depends_on:
      db:
        condition: service_healthy
    stop_grace_period: {r.span()}

  db:
    image: postgres
    restart: always
    user: postgres
    environment:
      - POSTGRES_DB=example
      - POSTGRES_PASSWORD_FILE=/run/secrets/db-password
    expose:
      - 5432
    healthcheck:
      test: [ "CMD", "pg_isready" ]
      interval: 10s
      timeout: 5s

  proxy:
    image: nginx
    volumes:
      - type: bind
        source: ./proxy/nginx.conf
        target: /etc/nginx/conf.d/default.conf
        read_only: true
    ports:
      - {r.port}:80
    depends_on: 
      - {r.name}

volumes:
  db-data:

secrets:
  db-password:
    file: db/password.txt
""")


@pattern("compose", "apache/airflow docker-compose: anchors in a line of their own, merged environments, $$", 4)
def airflow(r):
    return compose(f"""# Licensed under one or more contributor license agreements.
#
# PROJ_DIR       - Base path to which all the files will be volumed.
#                  Default: .
---
x-{r.name}-common:
  &{r.name}-common
  # Comment the image line, and uncomment the "build" line below.
  image: ${{IMAGE_NAME:-shop/{r.name}:|version|}}
  # build: .
  environment:
    &{r.name}-common-env
    EXECUTOR: CeleryExecutor
    DATABASE: postgresql+psycopg2://shop:shop@postgres/shop
    FERNET_KEY: ''
    LIFECYCLE_GRACE_PERIOD: {r.seconds}s
    LOAD_EXAMPLES: 'true'
    _REQUIREMENTS: ${{_REQUIREMENTS:-}}
  stop_grace_period: {r.seconds}s
  user: "${{SHOP_UID:-50000}}:0"
  depends_on:
    &{r.name}-common-depends-on
    redis:
      condition: service_healthy

services:
  redis:
    # limited to 7.2-bookworm due to a licence
    image: redis:7.2-bookworm
    expose:
      - 6379
    restart: always

  {r.name}-worker:
    <<: *{r.name}-common
    command: celery worker
    healthcheck:
      test:
        - "CMD-SHELL"
        - 'celery inspect ping -d "celery@$${{HOSTNAME}}" || exit 1'
      interval: 30s
    environment:
      <<: *{r.name}-common-env
      # Required to handle warm shutdown properly
      DUMB_INIT_SETSID: "0"
      LIFECYCLE_DRAIN_TIMEOUT: {r.few}s
    restart: always

  {r.name}-triggerer:
    <<: *{r.name}-common
    command: triggerer
    depends_on:
      <<: *{r.name}-common-depends-on
      redis:
        condition: service_started
""")


@pattern("compose", "mastodon docker-compose: quoted items, env_file, comments of whole services")
def mastodon(r):
    return compose(f"""# This file is designed for production server deployment

services:
  db:
    restart: always
    image: postgres:14-alpine
    shm_size: 256mb
    healthcheck:
      test: ['CMD', 'pg_isready', '-U', 'postgres']
    environment:
      - 'POSTGRES_HOST_AUTH_METHOD=trust'

  # es:
  #   restart: always
  #   stop_grace_period: 1h
  #   ulimits:
  #     memlock:
  #       soft: -1

  {r.name}:
    # build: .
    image: ghcr.io/shop/{r.name}:v4.3.17
    restart: always
    env_file: .env.production
    command: bundle exec puma -C config/puma.rb
    stop_grace_period: '{r.span()}'
    environment:
      - 'LIFECYCLE_GRACE_PERIOD={r.seconds}s'
      - "RUST_LOG=info"
    healthcheck:
      # prettier-ignore
      test: ['CMD-SHELL',"curl -s --noproxy localhost localhost:3000/health | grep -q 'OK' || exit 1"]
    ports:
      - '127.0.0.1:{r.port}:3000'

networks:
  external_network:
  internal_network:
    internal: true
""")


@pattern("compose", "getsentry/self-hosted: merges of merges, scalar aliases, empty values, a remark behind a value", 4)
def sentry(r):
    return compose(f"""x-restart-policy: &restart_policy
  restart: unless-stopped
  stop_grace_period: {r.few}s
x-depends_on-healthy: &depends_on-healthy
  condition: service_healthy
x-{r.name}-defaults: &{r.name}_defaults
  <<: *restart_policy
  image: "$SHOP_IMAGE"
  platform: ${{DOCKER_PLATFORM:-}}
  depends_on: &{r.name}_depends_on
    kafka:
      <<: *depends_on-healthy
  entrypoint: "/etc/shop/serve"
  command: ["run", "web"]
  environment:
    SHOP_CONF: "/etc/shop"
    # This one is used by botocore
    DEFAULT_CA_BUNDLE: &ca_bundle "/etc/ssl/certs/ca-certificates.crt"
    REQUESTS_CA_BUNDLE: *ca_bundle
    # Leaving the value empty to just pass whatever is set
    SHOP_MAIL_HOST:
services:
  kafka:
    <<: *restart_policy
    image: "confluentinc/cp-kafka:7.6.1"
    environment:
      KAFKA_MESSAGE_MAX_BYTES: "50000000" #50MB or bust
  postgres:
    <<: *restart_policy
    image: "postgres:14.11"
    command:
      [
        "postgres",
        "-c",
        "wal_level=logical",
        "-c",
        "max_connections=${{POSTGRES_MAX_CONNECTIONS:-100}}",
      ]
  {r.name}:
    <<: *{r.name}_defaults
    ulimits:
      nofile:
        soft: 4096
        hard: 4096
    stop_grace_period: {r.span()}
  {r.other}-cleanup:
    <<: *{r.name}_defaults
    command: '"55 23 * * * gosu shop shop cleanup"'
    healthcheck:
      test: [
          "CMD-SHELL",
          # Manually override any http_proxy that might be set
          "http_proxy='' wget -nv -t1 --spider 'http://localhost:8123/' || exit 1",
        ]
""")


@pattern("compose", "supabase docker-compose: a list below its key, numbers and booleans in the environment", 4)
def supabase(r):
    return compose(f"""# Usage
#   Start:              docker compose up -d
#

name: shop

services:

  {r.name}:
    container_name: shop-{r.name}
    image: shop/{r.name}:2026.02.16-sha-26c615c
    restart: unless-stopped
    healthcheck:
      test:
        [
          "CMD",
          "node",
          "-e",
          "fetch('http://studio:3000/api').then((r) => {{if (r.status !== 200) throw new Error(r.status)}})"
        ]
      timeout: 10s
    environment:
      # Binds the listener to both
      HOSTNAME: "::"

      PORT: {r.port}
      NEXT_PUBLIC_ENABLE_LOGS: true
      RATIO: 16.8
      LIFECYCLE_HOOK_TIMEOUT: {r.few}s
    command:
      [
        "start",
        "--main-service",
        "/home/deno/functions/main"
      ]
    stop_grace_period: {r.span()}

  imgproxy:
    image: darthsim/imgproxy:v3.30.1
    environment:
      IMGPROXY_BIND: ":5001"
      IMGPROXY_LOCAL_FILESYSTEM_ROOT: /
""")


@pattern("compose", "a bracket or a brace that closes at its key's indentation", 4)
def closes_at_its_key(r):
    open_, close = r.one(("[", "]"), ("[", "]"), ("{", "}"))
    what = ['"--port"', f'"{r.port}"'] if open_ == "[" else ["A: b", "LIFECYCLE_DRAIN_TIMEOUT: 3s"]
    key = "command" if open_ == "[" else "environment"
    lines = ",\n".join(f"      {item}" for item in what)
    return compose(f"""services:
  {r.name}:
    image: shop/{r.name}:1
    {key}: {open_}
{lines}{r.one('', ',')}
    {close}
    stop_grace_period: {r.span()}
  {r.other}:
    image: shop/{r.other}:1
    ports: [
      "{r.port}:80"
    ]
""")


@pattern("compose", "services in braces, as in one-line examples")
def braces(r):
    return compose(
        f"services: {{ {r.name}: {{ image: 'shop/{r.name}:1', stop_grace_period: {r.span()}, "
        f"environment: {{ LIFECYCLE_GRACE_PERIOD: {r.seconds}s }} }},\n"
        f"  {r.other}: {{ build: ., init: true }} }}\n"
    )


@pattern("compose", "durations in each spelling that compose's parser takes", 8)
def durations(r):
    spelled = r.one("30s1m", "1.5m30s", "1d", "0.5h", "1m1ms", "+45s", "1w", "90000000us", ".5m", "2h45m10s")
    return compose(f"""version: "3.8"
services:
  {r.name}:
    image: shop/{r.name}
    stop_grace_period: {r.one(spelled, json.dumps(spelled))}
""")


@pattern("compose", "a list of merged mappings, the first of which has the word")
def merged_list(r):
    return compose(f"""x-a: &a
  stop_grace_period: {r.seconds}s
  environment: &env {{ LIFECYCLE_GRACE_PERIOD: {r.seconds}s, A: b }}
x-b: &b
  stop_grace_period: {r.few}s
  image: shop/{r.name}
services:
  {r.name}:
    <<: [*a, *b]
  {r.other}:
    <<:
      - *b
      - *a
    environment:
      <<: *env
      LIFECYCLE_GRACE_PERIOD: {r.few}s
""")


@pattern("compose", "stop_signal by name, number and in lower case", 5)
def signals(r):
    return compose(f"""services:
  {r.name}:
    image: shop/{r.name}
    stop_signal: {r.one('SIGTERM', 'SIGINT', 'sigint', 'TERM', 'SIGHUP', 'hup')}
    stop_grace_period: {r.span()}
""")


@pattern("compose", "compose.override.yaml beside, for development", 4)
def overridden(r):
    base, over = r.one(
        ("compose.yaml", "compose.override.yaml"),
        ("compose.yml", "compose.override.yml"),
        ("docker-compose.yml", "docker-compose.override.yml"),
        ("compose.yaml", "docker-compose.override.yml"),
    )
    return {
        base: f"""services:
  {r.name}:
    image: shop/{r.name}
    stop_grace_period: {r.seconds}s
    environment:
      LIFECYCLE_GRACE_PERIOD: {r.seconds}s
      A: b
  {r.other}:
    image: shop/{r.other}
""",
        over: f"""services:
  {r.name}:
    ports: ["{r.port}:80"]
    stop_grace_period: {r.few}s
    environment:
      - LIFECYCLE_GRACE_PERIOD={r.few}s
  {r.third}:
    image: mailhog
""",
    }


@pattern("compose", "include, in its short and its long form")
def included(r):
    entry = r.one(f"  - {r.other}/compose.yaml", f"  - path: {r.other}/compose.yaml", f"  - path:\n    - {r.other}/compose.yaml")
    return {
        "compose.yaml": f"""include:
{entry}
services:
  {r.name}:
    image: shop/{r.name}
    stop_grace_period: {r.span()}
""",
        f"{r.other}/compose.yaml": f"""services:
  {r.other}:
    image: shop/{r.other}
    stop_grace_period: {r.few}s
    environment: [ "LIFECYCLE_GRACE_PERIOD={r.few}s" ]
""",
    }


@pattern("compose", "extends, in the same file and in another", 4)
def extended(r):
    same = r.one(True, False)
    where = f"service: base" if same else f"file: common.yaml\n      service: base"
    base = f"""  base:
    image: shop/base
    stop_grace_period: {r.seconds}s
    environment:
      LIFECYCLE_GRACE_PERIOD: {r.seconds}s
      LOG: info
"""
    files = {
        "compose.yaml": f"""services:
{base if same else ''}  {r.name}:
    extends:
      {where}
    environment:
      LIFECYCLE_DRAIN_TIMEOUT: 3s
  {r.other}:
    image: shop/{r.other}
"""
    }
    if not same:
        files["common.yaml"] = "services:\n" + base
    return files


@pattern("compose", "a stack file with deploy, logging and networks")
def stack(r):
    return compose(f"""version: '3.7'

services:

    {r.name}:
        image: 127.0.0.1:5000/{r.name}
        deploy:
            mode: replicated
            replicas: 2
            update_config: {{ order: start-first, delay: 10s, parallelism: 1 }}
            resources:
                limits: {{ cpus: '0.50', memory: 50M }}
            restart_policy:
                condition: on-failure
                delay: 5s
        logging:
            driver: "json-file"
            options: {{ max-size: "10m", max-file: "3" }}
        stop_grace_period: {r.span()}
        networks: [default, "traefik-public"]

networks:
    traefik-public: {{ external: true }}
""", name="stack.yml")


@pattern("compose", "a shell that is replaced, in each form of a command", 4)
def replaced_shell(r):
    command = r.one(
        'command: sh -c "exec ./serve --port 80"',
        'command: ["bash", "-c", "./migrate && exec ./serve"]',
        "entrypoint: /bin/sh -c\n    command:\n      - |\n        set -e\n        ./migrate\n        exec ./serve",
        "entrypoint: [\"tini\", \"--\", \"/serve\"]",
    )
    return compose(f"""services:
  {r.name}:
    image: shop/{r.name}
    {command}
    stop_grace_period: {r.span()}
""")


@pattern("compose", "a shell that is not replaced", 4)
def shell_between(r):
    command = r.one(
        'command: sh -c "./migrate && ./serve"',
        "command: bash -c './migrate; ./serve | tee log'",
        'command: ["/bin/sh", "-c", "./serve"]',
        "entrypoint: /bin/bash\n    command:\n      - -c\n      - |\n        ./migrate\n        ./serve",
    )
    return compose(f"""services:
  {r.name}:
    image: shop/{r.name}
    {command}
    stop_grace_period: {r.span()}
""")


@pattern("compose", "lines that end as on Windows, and text that goes on at its parent's indentation")
def carriage_returns(r):
    text = f"""services:
  {r.name}:
    labels:
      about: "the {r.name}
    of the shop,
      and more"
      plain: one two
        three
    image: shop/{r.name}
    stop_grace_period: {r.span()}
"""
    return compose(text.replace("\n", r.one("\n", "\r\n")))


def faulty_compose(name, body, top=""):
    return compose(f"""{top}services:
  {name}:
{body}""")


@pattern("compose-refused", "what compose refuses: a number, a time without a unit, a field that it does not know", 14)
def refused_compose(r):
    image = f"    image: shop/{r.name}\n"
    return r.one(
        faulty_compose(r.name, image + f"    stop_grace_period: {r.seconds}\n"),
        faulty_compose(r.name, image + f"    stop_grace_period: '{r.seconds}'\n"),
        faulty_compose(r.name, image + f"    stop_grace_period: {r.seconds} seconds\n"),
        faulty_compose(r.name, image + f"    deploy:\n      stop_grace_period: {r.seconds}s\n"),
        faulty_compose(r.name, image + f"    stop_grace_perod: {r.seconds}s\n"),
        faulty_compose(r.name, image + f"    stop-grace-period: {r.seconds}s\n"),
        faulty_compose(r.name, f"    stop_grace_period: {r.seconds}s\n"),
        faulty_compose(r.name, image + f"    stop_grace_period: {r.few}s\n    stop_grace_period: {r.seconds}s\n"),
        faulty_compose(r.name, image + f"\tstop_grace_period: {r.seconds}s\n"),
        faulty_compose(r.name, image + f"    stop_grace_period: [{r.seconds}s\n"),
        faulty_compose(r.name, image + f"    stop_signal: SIGNOTHING\n"),
        faulty_compose(r.name, image + f"    environment: *nowhere\n"),
    )


# --- Kubernetes ------------------------------------------------------------------------------------------


def env_of(r, indent, style):
    pad = " " * indent
    if style == 0:
        return f'{pad}- name: LIFECYCLE_GRACE_PERIOD\n{pad}  value: "{r.seconds}s"\n'
    if style == 1:
        return f"{pad}- {{ name: LIFECYCLE_GRACE_PERIOD, value: {r.seconds}s }}\n"
    return f"{pad}- name: PORT\n{pad}  value: \"{r.port}\"\n"


@pattern("kubernetes", "microservices-demo frontend: a licence, several documents, probes with headers", 4)
def frontend(r):
    return {"app.yaml": f"""# Copyright 2018 Somebody
#
#      http://www.apache.org/licenses/LICENSE-2.0
#

apiVersion: apps/v1
kind: Deployment
metadata:
  name: {r.name}
  namespace: shop
spec:
  replicas: 3
  selector:
    matchLabels:
      app: {r.name}
  template:
    metadata:
      labels:
        app: {r.name}
      annotations:
        sidecar.istio.io/rewriteAppHTTPProbers: "true"
    spec:
      serviceAccountName: default
      terminationGracePeriodSeconds: {r.seconds}
      containers:
        - name: server
          image: {r.name}
          ports:
          - containerPort: {r.port}
          readinessProbe:
            initialDelaySeconds: 10
            httpGet:
              path: "/_healthz"
              port: {r.port}
              httpHeaders:
              - name: "Cookie"
                value: "shop_session-id=x-readiness-probe"
          env:
{env_of(r, 10, r.one(0, 1, 2))}          # # ENV_PLATFORM: One of: local, gcp, aws
          # - name: ENV_PLATFORM 
          #   value: "aws"
          resources:
            requests:
              cpu: 100m
              memory: 64Mi
---
apiVersion: v1
kind: Service
metadata:
  name: {r.name}
spec:
  type: ClusterIP
  selector:
    app: {r.name}
  ports:
  - name: http
    port: 80
    targetPort: {r.port}
"""}


@pattern("kubernetes", "the StatefulSet of cassandra: lists at their key's indentation, a preStop that asks a program")
def cassandra(r):
    return {"app.yaml": f"""apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {r.name}
spec:
  serviceName: {r.name}
  replicas: 3
  template:
    spec:
      terminationGracePeriodSeconds: {r.one(500, 1800, 90)}
      containers:
      - name: {r.name}
        image: gcr.io/shop/{r.name}:v13
        imagePullPolicy: Always
        ports:
        - containerPort: 7000
          name: intra-node
        securityContext:
          capabilities:
            add:
              - IPC_LOCK
        lifecycle:
          preStop:
            exec:
              command:
              - /bin/sh
              - -c
              - {r.one('nodetool drain', 'nginx -s quit; while killall -0 nginx; do sleep 1; done', 'curl -X POST localhost:8080/drain')}
        env:
          - name: MAX_HEAP_SIZE
            value: 512M
          - name: POD_IP
            valueFrom:
              fieldRef:
                fieldPath: status.podIP
  volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ "ReadWriteOnce" ]
---
kind: StorageClass
apiVersion: storage.k8s.io/v1
metadata:
  name: fast
provisioner: k8s.io/minikube-hostpath
"""}


@pattern("kubernetes", "a preStop that sleeps, in each way of writing it", 9)
def sleeps(r):
    few = r.few
    hook = r.one(
        f"sleep: {{ seconds: {few} }}",
        f"exec: {{ command: [\"/bin/sh\", \"-c\", \"sleep {few}\"] }}",
        f"exec: {{ command: [\"sh\", \"-c\", \"sleep {few};\"] }}",
        f"exec:\n            command: [ sleep, '{few}' ]",
        f"exec:\n            command:\n            - /bin/sleep\n            - \"{few}\"",
        f"exec:\n            command:\n            - sh\n            - -c\n            - |\n              # wait for endpoint removal to propagate\n              sleep {few}",
        f"exec:\n            command:\n              - /bin/bash\n              - -c\n              - >-\n                sleep\n                {few}",
        f"exec:\n            command: [\"sh\", \"-c\", \"echo draining && sleep {few} && true\"]",
    )
    return {"app.yaml": f"""apiVersion: v1
kind: Pod
metadata:
  name: {r.name}
spec:
  terminationGracePeriodSeconds: {r.seconds + 30}
  containers:
    - name: {r.name}
      image: shop/{r.name}:v1
      lifecycle:
        preStop:
          {hook}
"""}


@pattern("kubernetes", "kubernetes/website lifecycle-events: all in braces, with commas at the ends")
def in_braces(r):
    return {"app.yaml": f"""---
{{
  apiVersion: "v1",
  kind: "Pod",
  metadata: {{
    name: "{r.name}",
  }},
  spec: {{
    terminationGracePeriodSeconds: {r.seconds},
    containers: [{{
      name: "{r.name}",
      image: "shop/{r.name}",
      lifecycle: {{
        postStart: {{
          exec: {{
            command: [
              "/bin/sh",
              "-c",
              "echo Hello from the postStart handler > /usr/share/message",
            ],
          }},
        }},
      }},
    }}],
  }},
}}
"""}


@pattern("kubernetes", "CronJob and Job")
def jobs(r):
    indent, kind, head = r.one(
        ("      ", "CronJob", "  schedule: \"*/5 * * * *\"\n  jobTemplate:\n    spec:\n      backoffLimit: 1\n"),
        ("  ", "Job", "  backoffLimit: 1\n"),
    )
    return {"app.yaml": f"""apiVersion: batch/v1
kind: {kind}
metadata: {{ name: {r.name} }}
spec:
{head}{indent}template:
{indent}  spec:
{indent}    restartPolicy: Never
{indent}    terminationGracePeriodSeconds: {r.seconds}
{indent}    containers:
{indent}    - name: run
{indent}      image: shop/{r.name}
{indent}      args: [settle, --day, "2026-01-01"]
"""}


@pattern("kubernetes", "DaemonSet with tolerations and a priority")
def daemon_set(r):
    return {"app.yaml": f"""kind: DaemonSet
apiVersion: apps/v1
metadata:
  labels: {{ k8s-app: {r.name} }}
  name: {r.name}
spec:
  template:
    spec:
      hostNetwork: true
      tolerations:
        # Make sure that it gets scheduled on all nodes.
        - effect: NoSchedule
          operator: Exists
        - key: CriticalAddonsOnly
          operator: Exists
      priorityClassName: system-node-critical
      # Minimize downtime during a rolling upgrade or deletion
      terminationGracePeriodSeconds: {r.one(1, 5, 15)}
      containers:
        - image: calico/{r.name}:v3.10.2
          name: {r.name}
          env:
            # Wait for the datastore.
            - name: WAIT_FOR_DATASTORE
              value: "true"
"""}


@pattern("kubernetes", "kubectl get -o yaml and -o json: a List, keys in order of the alphabet")
def listed(r):
    pod = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": r.name, "annotations": {"deployment.kubernetes.io/revision": "7"}},
        "spec": {
            "template": {
                "spec": {
                    "containers": [
                        {
                            "env": [{"name": "LIFECYCLE_GRACE_PERIOD", "value": f"{r.seconds}s"}],
                            "image": f"shop/{r.name}",
                            "imagePullPolicy": "IfNotPresent",
                            "name": r.name,
                            "terminationMessagePath": "/dev/termination-log",
                            "terminationMessagePolicy": "File",
                        }
                    ],
                    "dnsPolicy": "ClusterFirst",
                    "restartPolicy": "Always",
                    "schedulerName": "default-scheduler",
                    "terminationGracePeriodSeconds": r.seconds,
                }
            }
        },
        "status": {"replicas": 1},
    }
    listed = {"apiVersion": "v1", "items": [pod], "kind": "List", "metadata": {"resourceVersion": ""}}
    if r.one(True, False):
        return {"app.json": json.dumps(listed, indent=r.one(None, 2, 4, "\t")) + "\n"}
    return {"app.yaml": json.dumps(listed, indent=2) + "\n"}


@pattern("kubernetes", "a config map, by envFrom with a prefix and by key", 4)
def config_map(r):
    source = r.one(
        "envFrom:\n            - configMapRef:\n                name: stop",
        "envFrom: [{ prefix: LIFECYCLE_, configMapRef: { name: short } }]",
        "env:\n            - name: LIFECYCLE_GRACE_PERIOD\n              valueFrom:\n                configMapKeyRef: { name: stop, key: LIFECYCLE_GRACE_PERIOD }",
    )
    return {"app.yaml": f"""apiVersion: v1
kind: ConfigMap
metadata:
  name: stop
data:
  LIFECYCLE_GRACE_PERIOD: {r.seconds}s
  settings.yaml: |
    terminationGracePeriodSeconds: 1
    nested:
      - a: b
---
apiVersion: v1
kind: ConfigMap
metadata: {{ name: short }}
data: {{ GRACE_PERIOD: "{r.seconds}s" }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {r.name}
spec:
  template:
    spec:
      terminationGracePeriodSeconds: {r.seconds}
      containers:
        - name: {r.name}
          image: shop/{r.name}
          {source}
"""}


@pattern("kubernetes", "init containers, and a sidecar beside")
def init_containers(r):
    return {"app.yaml": f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: {r.name}
spec:
  template:
    spec:
      terminationGracePeriodSeconds: {r.seconds}
      initContainers:
        - name: migrate
          image: shop/{r.name}
          command: ['sh', '-c', 'until nslookup db; do echo waiting for db; sleep 2; done']
        - name: mesh
          image: mesh:1
          restartPolicy: {r.one('Always', '"Always"')}
          lifecycle: {{ preStop: {{ exec: {{ command: [sleep, "3"] }} }} }}
      containers:
        - name: {r.name}
          image: shop/{r.name}
        - name: {r.other}
          image: shop/{r.other}
"""}


@pattern("kubernetes", "anchors between two workloads")
def anchored(r):
    return {"app.yaml": f"""apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: Deployment
    metadata: {{ name: {r.name} }}
    spec:
      template: &template
        spec:
          terminationGracePeriodSeconds: &grace {r.seconds}
          containers: &containers
            - {{ name: {r.name}, image: &image "shop/{r.name}:1", env: [ {{ name: LIFECYCLE_GRACE_PERIOD, value: {r.seconds}s }} ] }}
  - apiVersion: apps/v1
    kind: StatefulSet
    metadata: {{ name: {r.other} }}
    spec:
      template:
        spec:
          terminationGracePeriodSeconds: *grace
          containers:
            - name: {r.other}
              image: *image
"""}


@pattern("kubernetes", "a Rollout of argo, with a strategy")
def rollout(r):
    return {"app.yaml": f"""apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: {r.name}
spec:
  strategy:
    canary:
      steps:
      - setWeight: 20
      - pause: {{duration: 10}}
  template:
    spec:
      terminationGracePeriodSeconds:   {r.seconds}   # see the runbook
      containers:
      - name: {r.name}
        image: "shop/{r.name}@sha256:0123456789abcdef"
"""}


@pattern("kubernetes", "annotations with text of every kind")
def annotated(r):
    return {"app.yaml": f"""apiVersion: v1
kind: Pod
metadata:
  name: {r.name}
  annotations:
    literal: |-
      # not a comment
      spec:
        terminationGracePeriodSeconds: 1
    folded: >
      one
      two

      three
    "quoted key": 'it''s "quoted"'
    escaped: "tab\\there \\u00fc \\
      and on"
    quoted: "goes on
  at its parent's indentation"
    checksum/config: 9b871512327c09ce91dd649b3f96a63b7408ef267c8cc5710114e629730cb61f
    empty:
    tilde: ~
    date: 2026-01-01
spec:
  terminationGracePeriodSeconds: {r.seconds}
  containers:
  - {{name: {r.name}, image: 'shop/{r.name}'}}
"""}


@pattern("kubernetes", "probes with a grace period of their own")
def probed(r):
    return {"app.yaml": f"""apiVersion: v1
kind: Pod
metadata: {{name: {r.name}}}
spec:
  terminationGracePeriodSeconds: {r.seconds + 60}
  containers:
  - name: {r.name}
    image: shop/{r.name}
    livenessProbe:
      httpGet: {{path: /livez, port: 8080}}
      failureThreshold: 1
      terminationGracePeriodSeconds: 10
    startupProbe:
      httpGet: {{path: /livez, port: 8080}}
      terminationGracePeriodSeconds: 60
"""}


@pattern("kubernetes", "nothing said of the stop at all")
def unsaid(r):
    return {"app.yaml": f"""apiVersion: apps/v1
kind: Deployment
metadata:
  name: {r.name}-deployment
spec:
  replicas: 3
  template:
    metadata:
      labels:
        app: {r.name}
    spec:
      containers:
      - name: {r.name}
        image: nginx:1.14.2
        ports:
        - containerPort: 80
      - name: {r.other}
        image: nginx:1.14.2
"""}


@pattern("kubernetes", "quoted keys and an explicit key")
def quoted_keys(r):
    return {"app.yaml": f""""apiVersion": "v1"
"kind": "Pod"
"metadata":
  "name": "{r.name}"
? spec
: "terminationGracePeriodSeconds": {r.seconds}
  'containers':
  - "name": '{r.name}'
    "image": 'shop/{r.name}'
"""}


@pattern("kubernetes", "KEP-4960: a stop signal of the container's own")
def stop_signal(r):
    return {"app.yaml": f"""apiVersion: v1
kind: Pod
metadata: {{ name: {r.name} }}
spec:
  os: {{ name: linux }}
  terminationGracePeriodSeconds: {r.seconds}
  containers:
  - name: {r.name}
    image: shop/{r.name}
    lifecycle:
      stopSignal: {r.one('SIGTERM', 'SIGINT', 'SIGHUP')}
"""}


@pattern("kubernetes", "a shell that is replaced, and one that is not", 8)
def kubernetes_shell(r):
    command = r.one(
        'command: ["/bin/sh", "-c", "exec /serve"]',
        'command: ["/bin/sh", "-c"]\n    args: ["./migrate && exec ./serve"]',
        'command: ["sh", "-c", "./migrate && ./serve"]',
        'command: ["/bin/bash", "-c"]\n    args:\n    - |\n      ./migrate\n      ./serve --port 80',
        "command: [ /serve ]\n    args: [ -c, run ]",
        'args: ["sh", "-c", "./serve 2>&1 | tee log"]',
    )
    return {"app.yaml": f"""apiVersion: v1
kind: Pod
metadata: {{ name: {r.name} }}
spec:
  terminationGracePeriodSeconds: {r.seconds}
  containers:
  - name: {r.name}
    image: shop/{r.name}
    {command}
"""}


@pattern("kubernetes-refused", "what Kubernetes refuses: types, places, names, handlers", 16)
def refused_kubernetes(r):
    def pod(grace=r.seconds, spec="", container="", image=True, top=""):
        image = f"        image: shop/{r.name}\n" if image else ""
        return {"app.yaml": f"""apiVersion: apps/v1
kind: Deployment
metadata: {{ name: {r.name} }}
spec:
{top}  template:
    spec:
      terminationGracePeriodSeconds: {grace}
{spec}      containers:
      - name: {r.name}
{image}{container}"""}

    return r.one(
        pod(grace=f'"{r.seconds}"'),
        pod(grace=f"{r.seconds}s"),
        pod(grace=f"{r.seconds}.5"),
        pod(grace=f"-{r.seconds}"),
        pod(grace="yes"),
        pod(top=f"  terminationGracePeriodSeconds: {r.seconds}\n"),
        pod(container=f"        terminationGracePeriodSeconds: {r.seconds}\n"),
        pod(image=False),
        pod(spec=f"      terminationGracePeriodSeconds: {r.few}\n"),
        pod(container=f"        lifecycle: {{ preStop: {{ sleep: {{ seconds: 1 }}, httpGet: {{ path: /, port: 80 }} }} }}\n"),
        pod(container=f"        preStop: {{ sleep: {{ seconds: 1 }} }}\n"),
        pod(container=f"        env: [ {{ name: LIFECYCLE_GRACE_PERIOD, value: {r.seconds} }} ]\n"),
        pod(container=f"        lifecycle: {{ stopSignal: SIGTERM }}\n"),
        pod(container=f"        lifecycle: {{ stopSignal: sigterm }}\n", spec="      os: { name: linux }\n"),
        pod(container=f"        env: [ {{ value: x }} ]\n"),
        pod(container="\tports: []\n"),
        pod(container="        args: [ a\n"),
    )


# --- systemd ---------------------------------------------------------------------------------------------


def unit(name, service, head=""):
    return {f"{name}.service": f"""{head}[Unit]
Description={name}
After=network.target

[Service]
{service}
[Install]
WantedBy=multi-user.target
"""}


@pattern("systemd", "caddy: a time with its unit, a reload")
def caddy(r):
    return unit(r.name, f"""User={r.name}
ExecStart=/usr/bin/{r.name} run --environ --config /etc/{r.name}/file
ExecReload=/usr/bin/{r.name} reload --config /etc/{r.name}/file
TimeoutStopSec={r.one(f'{r.seconds}s', f'{r.seconds}', f'{r.few} s', '1min 30s')}
LimitNOFILE=1048576
PrivateTmp=true
AmbientCapabilities=CAP_NET_BIND_SERVICE
""", head=f"# {r.name}.service\n#\n# Make sure the ExecStart and ExecReload commands are correct\n\n")


@pattern("systemd", "docker: no limit by TimeoutSec=0, and remarks between")
def docker(r):
    return unit(r.name, f"""Type=notify
# the default is not to use systemd for cgroups
ExecStart=/usr/bin/{r.name}d -H fd:// --containerd=/run/containerd/containerd.sock
ExecReload=/bin/kill -s HUP $MAINPID
TimeoutSec=0
RestartSec=2
Restart=always

# Both the old, and new location are accepted
StartLimitBurst=3
StartLimitInterval=60s
LimitNOFILE=infinity
Delegate=yes

# kill only the process, not all processes in the cgroup
KillMode=process
OOMScoreAdjust=-500
""")


@pattern("systemd", "containerd, traefik: nothing said of the stop")
def unsaid_unit(r):
    return unit(r.name, f"""ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/{r.name} --configFile=/etc/{r.name}.toml

Restart=on-failure
KillMode={r.one('process', 'mixed', 'control-group')}
TasksMax=infinity
""")


@pattern("systemd", "gitea: several variables in a line, a watchdog, whole sections as remarks")
def gitea(r):
    return unit(r.name, f"""# Uncomment the next line
# TimeoutStopSec=1
RestartSec=2s
Type=notify
WorkingDirectory=/var/lib/{r.name}/
#RuntimeDirectory={r.name}
ExecStart=/usr/local/bin/{r.name} web --config /etc/{r.name}/app.ini
Environment=USER=git HOME=/home/git LIFECYCLE_GRACE_PERIOD={r.seconds}s
WatchdogSec=30s
#Environment=PATH=/path/to/git/bin:/bin
###
TimeoutStopSec={r.seconds}
""", head="; After=syslog.target\n###\n## [Socket]\n## ListenStream=<some_port>\n")


@pattern("systemd", "mastodon-sidekiq: quoted variables, TimeoutSec")
def sidekiq(r):
    return unit(r.name, f"""Type=simple
WorkingDirectory=/home/{r.name}/live
Environment="RAILS_ENV=production"
Environment="DB_POOL=25"
Environment="LIFECYCLE_GRACE_PERIOD={r.seconds}s" 'LIFECYCLE_DRAIN_TIMEOUT=3s'
ExecStart=/home/{r.name}/.rbenv/shims/bundle exec sidekiq -c 25
TimeoutSec={r.seconds}
Restart=always
CapabilityBoundingSet=
SystemCallFilter=~@clock @cpu-emulation @debug
""")


@pattern("systemd", "redis: infinity, and a command that stops")
def redis(r):
    return unit(r.name, f"""ExecStart=/usr/local/bin/{r.name}-server --supervised systemd --daemonize no
## Alternatively, have it load a configuration file:
#ExecStart=/usr/local/bin/{r.name}-server /path/to/your.conf
ExecStop=/usr/bin/{r.name}-cli shutdown
TimeoutStartSec=infinity
TimeoutStopSec={r.one('infinity', '0', '0s')}
UMask=0077
""")


@pattern("systemd", "vault: KillSignal, a file of variables, kill --signal in the reload")
def vault(r):
    return unit(r.name, f"""Type=simple
EnvironmentFile=-/etc/{r.name}.d/{r.name}.env
User={r.name}
ExecStart=/usr/bin/{r.name} server -config=/etc/{r.name}.d/{r.name}.hcl
ExecReload=/bin/kill --signal HUP $MAINPID
KillMode=process
KillSignal={r.one('SIGINT', 'INT', '2', 'SIGTERM')}
TimeoutStopSec={r.seconds}
""")


@pattern("systemd", "journal-flush: oneshot with a stop of its own")
def oneshot(r):
    return unit(r.name, f"""ExecStart=/usr/bin/{r.name} --flush
ExecStop=/usr/bin/{r.name} --relinquish
Type=oneshot
RemainAfterExit=yes
TimeoutSec={r.seconds}s
""")


@pattern("systemd", "time spans in each spelling", 12)
def spans(r):
    span = r.one(
        "1min 30s", "90", "5min20s", "2 minutes 5 seconds", "1.5h", "250ms", "+30", "1m 5", "3000000us", "1d 2h",
        "12.34s", "1hr", "20sec1min", "0.5min", "1w", "45 s", ".5min",
    )
    return unit(r.name, f"ExecStart=/usr/bin/{r.name}\n{r.one('TimeoutStopSec', 'TimeoutSec')}{r.one('=', ' = ', '= ')}{span}\n")


@pattern("systemd", "lines that go on, with remarks between, and ends that only look like it", 5)
def continued(r):
    end = r.one("\\\\", "\\ ", "\\\\\\\n  more", "\\\n; remark\n# remark\n  --more")
    return unit(r.name, f"""ExecStart=/usr/bin/{r.name} \\
    --port {r.port} \\
# a remark within a line that goes on
    --quiet
Environment=LIFECYCLE_GRACE_PERIOD={r.seconds}s \\
    LIFECYCLE_DRAIN_TIMEOUT=3s
ExecStartPre=/bin/echo a{end}
  TimeoutStopSec={r.seconds}
""")


@pattern("systemd", "what is said is taken back")
def reset(r):
    return unit(r.name, f"""ExecStart=/usr/bin/wrong
ExecStart=
ExecStart=/usr/bin/{r.name}
TimeoutStopSec=1
TimeoutStopSec={r.seconds}
Environment=LIFECYCLE_GRACE_PERIOD=1s A=b
{r.one('Environment=', '# nothing')}
Environment=LIFECYCLE_DRAIN_TIMEOUT=3s
UnsetEnvironment={r.one('A', 'LIFECYCLE_DRAIN_TIMEOUT', 'LIFECYCLE_DRAIN_TIMEOUT=9s')}
KillSignal=SIGQUIT
KillSignal=SIGTERM
""")


@pattern("systemd", "drop-ins of the unit, of its prefix and of the type", 5)
def drop_ins(r):
    name = f"{r.name}-{r.other}"
    levels = [f"{name}.service.d", f"{r.name}-.service.d", "service.d"]
    files = unit(name, f"ExecStart=/usr/bin/{r.name}\nTimeoutStopSec=99\nEnvironment=LIFECYCLE_GRACE_PERIOD=99s\n")
    for level in r.random.sample(levels, r.one(1, 2, 3)):
        file = r.one("10-stop.conf", "20-stop.conf", "override.conf")
        files[f"{level}/{file}"] = f"[Service]\nTimeoutStopSec={r.random.randint(2, 98)}\n"
    return files


@pattern("systemd", "an instance of a template, with a drop-in of the template")
def instance(r):
    files = unit(f"{r.name}@{r.other}", f"ExecStart=/usr/bin/{r.name} %i\nTimeoutStopSec={r.seconds}\n")
    files[f"{r.name}@.service.d/time.conf"] = f"[Service]\nTimeoutStopSec={r.few}\n"
    return files


@pattern("systemd", "lines that systemd passes over", 4)
def passed_over(r):
    return unit(r.name, f"""ExecStart=/usr/bin/{r.name}
{r.one('TimeoutStopSec 5', 'TimeoutStopSec: 5', 'just words')}
TimeoutStopSec={r.seconds}
Unknown=thing
[X-Ours]
TimeoutStopSec=1
""")


@pattern("systemd", "blanks and a mark at the begin of the file")
def marked(r):
    files = unit(r.name, f"  ExecStart = /usr/bin/{r.name}\n\tTimeoutStopSec\t=\t{r.seconds}  \n")
    return {name: "\ufeff" + text for name, text in files.items()}


@pattern("systemd", "what is left is not killed")
def not_killed(r):
    return unit(r.name, f"""ExecStart=/usr/bin/{r.name}
TimeoutStopSec={r.seconds}
SendSIGKILL=no
FinalKillSignal=SIGQUIT
RestartKillSignal=SIGHUP
""")


@pattern("systemd", "a shell before the service, and whom the signal reaches", 5)
def unit_shell(r):
    mode, command = r.one(
        ("control-group", "/bin/sh -c '/usr/bin/migrate && /usr/bin/serve'"),
        ("mixed", "/bin/sh -c '/usr/bin/migrate && /usr/bin/serve'"),
        ("process", '/bin/bash -c "/usr/bin/serve | logger"'),
        ("mixed", "/bin/sh -c 'exec /usr/bin/serve'"),
    )
    return unit(r.name, f"ExecStart={command}\nKillMode={mode}\nTimeoutStopSec={r.seconds}\n")


@pattern("systemd-refused", "what systemd does not load", 5)
def refused_unit(r):
    return r.one(
        unit(r.name, f"TimeoutStopSec={r.seconds}\n"),
        {f"{r.name}.service": f"[Service\nExecStart=/usr/bin/{r.name}\nTimeoutStopSec={r.seconds}\n"},
        {f"{r.name}.service": f"[Unit]\nDescription=nothing\n"},
        unit(r.name, f"ExecStart=/usr/bin/{r.name}\nExecStart=\nTimeoutStopSec={r.seconds}\n"),
    )


# --- ECS, Nomad, quadlets ----------------------------------------------------------------------------------


def container(r, **more):
    return {"name": r.name, "image": f"shop/{r.name}:latest", "essential": True, **more}


def variable(r, name="name", value="value"):
    return [{name: "LIFECYCLE_GRACE_PERIOD", value: f"{r.seconds}s"}, {name: "A", value: "b"}]


def written(r, what):
    return json.dumps(what, indent=r.one(2, 4, None), ensure_ascii=r.one(True, False)) + "\n"


@pattern("ecs", "aws-containers-task-definitions nginx_fargate, consul: labels, log options, an entry point", 4)
def fargate(r):
    one = container(
        r,
        memory=256,
        cpu=256,
        portMappings=[{"containerPort": 80, "protocol": "tcp"}],
        dockerLabels={"stopTimeout": "none of ours", "Name": "übung"},
        logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "g", "stopTimeout": "9"}},
        startTimeout=120,
        environment=variable(r),
    )
    if r.one(True, True, False):
        one["stopTimeout"] = min(r.seconds, 120)
    task = {
        "requiresCompatibilities": [r.one("FARGATE", "EC2")],
        "containerDefinitions": [one, container(Rules(r.seconds), entryPoint=["/usr/local/bin/docker-entrypoint.sh"])],
        "volumes": [],
        "networkMode": "awsvpc",
        "family": r.name,
        "memory": "512",
    }
    task["containerDefinitions"][1]["name"] = r.other + "-agent"
    return {"task.json": written(r, r.one(task, {"taskDefinition": {**task, "revision": 7, "status": "ACTIVE"}}))}


@pattern("ecs", "what Terraform's jsonencode prints: a list of containers")
def jsonencoded(r):
    return {"containers.json": written(r, [container(r, stopTimeout=r.seconds, environment=variable(r)), {
        "name": r.other + "-logs", "image": "fluentbit", "command": ["/bin/sh", "-c", r.one("exec fluentbit", "fluentbit")]}])}


@pattern("ecs", "CloudFormation as YAML, with short tags")
def cloud_formation(r):
    return {"stack.yaml": f"""AWSTemplateFormatVersion: '2010-09-09'
Description: >-
  the {r.name}
Parameters:
  Tag:
    Type: String
Conditions:
  IsProd: !Equals [!Ref Env, prod]
Resources:
  Cluster:
    Type: AWS::ECS::Cluster
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: !Sub '${{AWS::StackName}}-{r.name}'
      RequiresCompatibilities:
        - FARGATE
      ExecutionRoleArn: !GetAtt Role.Arn
      ContainerDefinitions:
        - Name: {r.name}
          Image: !Join [':', [shop/{r.name}, !Ref Tag]]
          StopTimeout: {r.one(min(r.seconds, 120), f"'{min(r.seconds, 120)}'")}
          Environment:
            - Name: LIFECYCLE_GRACE_PERIOD
              Value: {r.seconds}s
            - Name: QUEUE
              Value: !If [IsProd, !Ref Queue, none]
          LogConfiguration:
            LogDriver: awslogs
            Options: {{ awslogs-region: !Ref 'AWS::Region' }}
Outputs:
  Name: {{ Value: !Ref Task }}
"""}


@pattern("ecs", "CloudFormation as JSON, as CDK makes it")
def cdk(r):
    return {"template.json": written(r, {
        "Resources": {
            "RoleA1B2": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Statement": []}}},
            f"{r.name.title()}TaskDef54694570": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {
                    "Family": {"Fn::Join": ["-", [{"Ref": "AWS::StackName"}, r.name]]},
                    "RequiresCompatibilities": ["EC2"],
                    "ContainerDefinitions": [{
                        "Name": r.name,
                        "Image": {"Fn::Sub": "${AWS::AccountId}.dkr.ecr/x"},
                        "StopTimeout": r.seconds,
                        "Environment": variable(r, "Name", "Value"),
                    }],
                },
                "Metadata": {"aws:cdk:path": f"Shop/{r.name}/Resource"},
            },
        }
    })}


@pattern("ecs-refused", "what ECS refuses, and JSON that is none", 8)
def refused_ecs(r):
    def task(**more):
        return {"task.json": json.dumps({"family": r.name, "requiresCompatibilities": ["FARGATE"],
                                          "containerDefinitions": [{**container(r), **more}]})}

    return r.one(
        task(stopTimeout=f"{r.few}"),
        task(stopTimeout=121 + r.few),
        task(stopTimeout=-r.few),
        task(stopTimeout=r.few + 0.5),
        {"task.json": json.dumps({"family": r.name, "stopTimeout": r.few, "containerDefinitions": [container(r)]})},
        {"task.json": json.dumps({"containerDefinitions": [{"name": r.name, "stopTimeout": r.few}]})},
        {"task.json": json.dumps({"containerDefinitions": [container(r)]})[:-1] + ",}"},
        {"task.json": "// no comments\n" + json.dumps({"containerDefinitions": [container(r)]})},
    )


@pattern("nomad", "chrony.nomad as the API prints it: null for all that is not said", 4)
def nomad_api(r):
    task = {
        "Affinities": None, "Artifacts": None,
        "Config": {"network_mode": "host", "image": f"shop/{r.name}:latest"},
        "Driver": "docker", "Env": r.one(None, {"LIFECYCLE_GRACE_PERIOD": f"{r.few}s"}),
        "KillSignal": r.one("", "SIGINT", "SIGTERM"), "KillTimeout": r.few * 1_000_000_000, "Kind": "", "Leader": False,
        "LogConfig": {"MaxFileSizeMB": 10, "MaxFiles": 10}, "Name": r.name, "ShutdownDelay": 0, "Templates": None,
        "Services": [{"Checks": [{"Args": ["x", ">", "/dev/udp/${NOMAD_IP_ntp}/123"], "Timeout": 2000000000}]}],
    }
    job = {"Affinities": None, "ID": r.name, "Name": r.name, "TaskGroups": [
        {"Count": 1, "Meta": None, "Name": r.name, "Tasks": [task]}], "Type": "system", "Update": {"Stagger": 30000000000}}
    return {"job.json": json.dumps(r.one({"Job": job}, job), indent=4) + "\n"}


@pattern("nomad", "HCL as JSON: labels as keys, blocks as lists or alone", 5)
def nomad_hcl(r):
    task = {"driver": r.one("docker", "exec"), "config": {"command": f"/usr/bin/{r.name}", "args": ["-c", "x"]},
            "env": r.one([{"LIFECYCLE_GRACE_PERIOD": f"{r.few}s"}], {"LIFECYCLE_GRACE_PERIOD": f"{r.few}s"}),
            "template": {"data": "A={{ key \"a\" }}", "destination": "local/a"}}
    if r.one(True, True, False):
        task["kill_timeout"] = r.one(f"{r.few}s", f"0m{r.few}s", f"{r.few}000ms", "5s10s", "0.25m")
    wrap = r.one(lambda x: x, lambda x: [x])
    return {"job.json": json.dumps({"job": wrap({r.name: {"datacenters": ["dc1"], "group": {"web": wrap(
        {"count": 2, "task": {r.name: wrap(task), r.other: {"driver": "docker"}}})}}})}, indent=2) + "\n"}


@pattern("nomad-refused", "what Nomad refuses, or its clients cut", 4)
def refused_nomad(r):
    def job(time, **more):
        return {"job.json": json.dumps({"job": {r.name: {"group": {"web": {**more, "task": {r.name: {"kill_timeout": time}}}}}}})}

    return r.one(job("30"), job("1d"), job(f"{31 + r.seconds}s"), job("soon"), job("5s", kill_timeout="9s"))


@pattern("quadlet", "podman's own: remarks that look like lines that go on, several sections", 4)
def quadlet(r):
    stop = r.one(f"StopTimeout={r.few}", "# StopTimeout=1", f"PodmanArgs=--cpus=2 --stop-timeout={r.few}")
    return {f"{r.name}.container": f"""## assert-podman-final-args localhost/imagename:latest

[Unit]
Wants=network-online.target

#   -e HOST_WHITELIST= `#optional` \\

[Container]
# Image=localhost/otherimagename:latest
Image=localhost/{r.name}:latest
; Image=localhost/image:latest
Environment=PUID=1000 LIFECYCLE_GRACE_PERIOD={r.few}s TZ=Europe/Prague
Volume=./.config:/config
#   -v /path/to/watch/folder:/watch \\
Exec="/some/binary file" --arg1 \\{r.one('', ' ')}
  "arg 2"
{stop}

[Service]
Restart=always
{r.one(f'TimeoutStopSec={r.few + 30}', '# TimeoutStopSec=5')}

[Install]
WantedBy=default.target
"""}


@pattern("quadlet-refused", "what podman makes no unit of", 2)
def refused_quadlet(r):
    return {f"{r.name}.container": f"[Container]\n# Image=localhost/{r.name}\nStopTimeout={r.few}\n"}


# ---------------------------------------------------------------------------------------------------------


def cases():
    """The files of each case by its name. The first of them is the one to read."""
    made = {}
    for folder, _seen, write, variants in PATTERNS:
        known = []
        for variant in range(variants):
            # Another one where the rules chose the same again; there may be no other.
            for attempt in range(40):
                case = write(Rules(f"{folder}/{write.__name__}/{variant}/{attempt}"))
                if case not in known:
                    known.append(case)
                    made[f"{folder}/{write.__name__}-{len(known)}"] = case
                    break
    return made

/**
 * The values of the Helm chart: each one's type, default and meaning, once. From it come `values.yaml`, `values.schema.json` and the table in
 * docs/kubernetes.md (scripts/deploy/chart.mjs). The program's settings and its configuration are taken from the schemas in src/.
 */
import { configurationJsonSchema } from "../../src/manifest/configuration_schema.ts";
import { settingKeys, spellings, writtenSchema } from "../../src/settings/settings.ts";

/** Settings that the chart sets itself, each from a value of its own, from a Secret, or because a container has it like this. */
const setByChart = new Set([
  ...["tcpPort", "udpPort", "tlsPort", "host", "controlPort", "controlHost", "adminPort", "adminHost", "grpcPort"],
  ...["controlAuth", "token", "tokenFile", "controlTlsCert", "controlTlsKey", "controlTlsClientCa"],
  ...["tlsCert", "tlsKey", "tlsClientCa", "adminTlsCert", "adminTlsKey", "adminTlsClientCa", "manifestKey"],
  ...["redisUrl", "redisHost", "redisPort", "redisUsername", "redisPassword"],
  ...["redisTlsCa", "redisTlsCert", "redisTlsKey", "dataDir", "config", "planeId"],
]);

const text = (description, fallback = "", more = {}) => ({ type: "string", description, default: fallback, ...more });
const flag = (description, fallback) => ({ type: "boolean", description, default: fallback });
const whole = (description, fallback, minimum = 0, maximum = 65_535) => ({
  ...{ type: "integer", description, default: fallback, minimum, maximum },
});
const choice = (description, fallback, names) => ({ type: "string", enum: names, description, default: fallback });
const object = (description, properties) => ({ type: "object", description, additionalProperties: false, properties });
/** Of Kubernetes' own making; Kubernetes judges it. */
const free = (description, fallback = {}) => ({ type: "object", description, default: fallback });
const list = (description, items = { type: "object" }, fallback = []) => ({
  ...{ type: "array", description, items, default: fallback },
});
const texts = (description) => ({ ...free(description), additionalProperties: { type: "string" } });

/** What may stand there of settings of these groups, by the names of their variables. */
function settings(description, groups, fallback = {}) {
  const keys = settingKeys.filter((key) => groups.includes(spellings[key].group) && !setByChart.has(key));
  const properties = Object.fromEntries(keys.map((key) => [spellings[key].env, writtenSchema(key)]));
  return { ...object(description, properties), default: fallback, "x-open": true };
}

/** What the pods of both planes have. */
const podValues = (resources) => ({
  resources: free("Of its container.", resources),
  extraEnv: list("Further variables of its container, such as `{name: DD_API_KEY, valueFrom: {secretKeyRef: …}}`."),
  extraVolumes: list("Further volumes of its pods."),
  extraVolumeMounts: list("Where its container has them."),
  podAnnotations: texts("Annotations of its pods."),
  podLabels: texts("Labels of its pods, beside the chart's."),
  nodeSelector: texts("Nodes that its pods may run on."),
  tolerations: list("Taints that its pods bear."),
  affinity: free("Where its pods rather run."),
  topologySpreadConstraints: list("How its pods spread; `labelSelector` is the chart's where it is left out."),
  priorityClassName: text("Their priority class."),
});

const service = (more) =>
  object("Its Service.", {
    type: choice("Kind of Service.", "ClusterIP", ["ClusterIP", "NodePort", "LoadBalancer"]),
    annotations: texts("Its annotations, such as those that choose a load balancer."),
    ...more,
  });

const storage = (size) => ({
  size: text("Size of its volume.", size),
  storageClassName: text("Its storage class; empty: the cluster's default."),
});

const sources = (what, fallback) => list(`${what} Kubernetes' \`from\`; empty: every address.`, undefined, fallback);

export const chartValues = {
  nameOverride: text("In place of the chart's name in names and labels."),
  fullnameOverride: text("In place of release and chart in names."),
  image: object("The image of both planes.", {
    repository: text("Where it is.", "ghcr.io/streamgate/streamgate"),
    tag: text("Its tag; empty: the chart's appVersion."),
    digest: text("Its digest, `sha256:…`; wins over the tag.", "", { pattern: "^(sha256:[0-9a-f]{64})?$" }),
    pullPolicy: choice("When it is fetched.", "IfNotPresent", ["Always", "IfNotPresent", "Never"]),
    pullSecrets: list("Secrets that it is fetched with, `{name: …}` each."),
  }),
  settings: settings(
    "Settings that both planes have, by the names of their variables (README, Configuration). What the chart sets itself (ports, addresses, Redis, keys, tokens) is refused here.",
    ["both"],
    { LOG_FORMAT: "json" },
  ),
  config: {
    type: "object",
    description:
      "The configuration, as in streamgate.json (docs/config_file.md). With it data planes run from a ConfigMap, and there is no control plane and no Redis.",
    default: {},
  },
  configSecret: flag("Keep `config` in a Secret instead, since it holds keys or tokens as text.", false),
  existingConfigMap: text("ConfigMap with a key streamgate.json, in place of `config`."),
  control: object("The control plane: one process, since drafts and versions are one set of files.", {
    enabled: flag("false: another release, or nobody, publishes.", true),
    settings: settings("Settings of the control plane alone.", ["control"]),
    tls: object("TLS on the ports 8000 and 50051.", {
      secretName: text("Secret of type kubernetes.io/tls; turns it on."),
      clientCa: flag("Ask for certificates of the authorities under `ca.crt` in that Secret.", false),
    }),
    persistence: object("Drafts, versions and the audit file.", {
      enabled: flag("false: in an emptyDir, gone with the pod.", true),
      existingClaim: text("A claim that is there already."),
      ...storage("1Gi"),
    }),
    service: service({
      port: whole("Port of the REST API.", 8000, 1),
      grpcPort: whole("Port of the gRPC API.", 50_051, 1),
    }),
    ...podValues({ requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: "512Mi" } }),
  }),
  data: object("The data plane.", {
    mode: choice(
      "deployment: behind a Service, queues spill to an emptyDir. daemonset: one on each node. statefulset: with a volume each, so that what is queued outlives the pod.",
      "deployment",
      ["deployment", "daemonset", "statefulset"],
    ),
    replicas: whole("Pods of a deployment or statefulset.", 2, 0, 1000),
    settings: settings(
      "Settings of the data plane alone. STREAMGATE_WORKERS: about one for each core that it may use.",
      ["data"],
      {
        STREAMGATE_WORKERS: 2,
      },
    ),
    tls: object("Records over TLS, port 6514.", {
      secretName: text("Secret of type kubernetes.io/tls; turns it on."),
      clientCa: flag("Ask senders for certificates of the authorities under `ca.crt` in that Secret.", false),
    }),
    adminTls: object("TLS on the admin port, 9464. Probes and scrapes show no certificate, so none is asked for.", {
      secretName: text("Secret of type kubernetes.io/tls; turns it on."),
    }),
    autoscaling: object("A HorizontalPodAutoscaler; of a deployment only.", {
      enabled: flag("Whether there is one.", false),
      minReplicas: whole("Least pods.", 2, 1, 1000),
      maxReplicas: whole("Most pods.", 10, 1, 1000),
      targetCPUUtilizationPercentage: whole(
        "CPU, in percent of what is requested, that it holds them to.",
        70,
        1,
        1000,
      ),
      scaleDownSeconds: whole("How long a lower load has to last before a pod goes.", 300, 0, 3600),
    }),
    spool: object("The volume of each pod of a statefulset.", storage("10Gi")),
    hostPorts: flag("Of a daemonset: open 8081, 8082 and 6514 on the node's addresses too.", false),
    service: service({
      tcpPort: whole("Port for records over TCP.", 8081, 1),
      udpPort: whole("Port for records over UDP.", 8082, 1),
      tlsPort: whole("Port for records over TLS, where `data.tls` is on.", 6514, 1),
      udpApart: flag("UDP in a Service of its own, for load balancers that take one protocol only.", false),
      externalTrafficPolicy: choice(
        "Local: senders' addresses reach the pods, which `shard_by: source` and limits per source need. Of NodePort and LoadBalancer.",
        "Local",
        ["Local", "Cluster"],
      ),
      internalTrafficPolicy: choice(
        "Local: to the pod of the sender's node. Empty: Local for a daemonset, else Cluster.",
        "",
        ["", "Local", "Cluster"],
      ),
      loadBalancerSourceRanges: list("Networks that a load balancer admits.", { type: "string" }),
    }),
    preStopSeconds: whole(
      "How long a pod that ends goes on as ever, until nobody sends it new connections. Then it closes its listeners and drains (SHUTDOWN_TIMEOUT).",
      5,
      0,
      300,
    ),
    podDisruptionBudget: object("How many pods may be away at once for drains of nodes.", {
      enabled: flag("Whether there is one; not with a daemonset.", true),
      maxUnavailable: whole("Pods.", 1, 1, 1000),
    }),
    ...podValues({ requests: { cpu: "1", memory: "512Mi" }, limits: { memory: "1Gi" } }),
  }),
  auth: object("Tokens of the control API and of the data planes' admin port (docs/security.md).", {
    enabled: flag("false: nobody is asked for one; the NetworkPolicy, or something else, must guard the ports.", true),
    tokens: list("Lines NAME ROLE HASH, as `streamgate token new` prints them: they hold no secret.", {
      type: "string",
      pattern: "^[A-Za-z0-9][A-Za-z0-9._@-]{0,63} +(read|write|admin) +sha256:[0-9a-f]{64}$",
    }),
    existingSecret: text(
      "Secret with a key `tokens` of such lines. Neither this nor `tokens`: the chart makes an admin's and a reader's.",
    ),
  }),
  manifestKey: object("The key that signs manifests on their way through Redis (docs/security.md).", {
    existingSecret: text("Secret that holds it; turns signing on."),
    key: text("Its key in that Secret.", "manifest-key"),
  }),
  redis: object("Where the planes meet. With `config` there is none.", {
    bundled: object(
      "A Redis of the chart's own: one pod, for trying and small installations. Not where `redis.external.host` is set.",
      {
        enabled: flag("Whether there is one.", true),
        image: text("Its image.", "docker.io/library/redis:7-bookworm"),
        persistence: object("Its volume.", { enabled: flag("false: an emptyDir.", true), ...storage("1Gi") }),
        resources: free("Of its container.", { requests: { cpu: "50m", memory: "64Mi" }, limits: { memory: "256Mi" } }),
      },
    ),
    external: object("A Redis that is there already.", {
      host: text("Its host; turns it on."),
      port: whole("Its port.", 6379, 1),
      username: text("Its user; empty: the default one."),
      existingSecret: text("Secret with the user's password."),
      passwordKey: text("The password's key in that Secret.", "password"),
      tls: object("TLS to it.", {
        enabled: flag("Whether it is spoken.", false),
        caSecret: text("Secret with the authorities of its certificate under `ca.crt`; empty: those that Node knows."),
        clientSecret: text("Secret of type kubernetes.io/tls that is shown to it."),
      }),
    }),
  }),
  networkPolicy: object("NetworkPolicies of all pods.", {
    enabled: flag("Whether there are any.", false),
    dataFrom: sources("Who may send records."),
    controlFrom: sources("Who may call the control API.", [{ podSelector: {} }]),
    adminFrom: sources("Who may call the data planes' admin port, such as Prometheus.", [{ namespaceSelector: {} }]),
    dataEgress: list(
      "Where data planes may send, beside DNS and Redis: Kubernetes' `egress`. The default is everywhere but link-local addresses, where clouds serve credentials.",
      undefined,
      [
        {
          to: [
            { ipBlock: { cidr: "0.0.0.0/0", except: ["169.254.0.0/16"] } },
            { ipBlock: { cidr: "::/0", except: ["fe80::/10"] } },
          ],
        },
      ],
    ),
  }),
  serviceMonitor: object("ServiceMonitors for the Prometheus operator.", {
    enabled: flag("Whether there are any; the operator's resources must be known to the cluster.", false),
    interval: text("How often it scrapes.", "30s"),
    labels: texts("Labels by which your Prometheus finds them."),
    tokenSecret: object("The token that it shows, of role read. Empty: the reader's that the chart has made.", {
      name: text("Secret with the token."),
      key: text("Its key in that Secret.", "token"),
    }),
  }),
  serviceAccount: object("The pods' service account; they call no Kubernetes API.", {
    create: flag("Whether the chart makes one.", true),
    name: text("Its name; empty: the release's, or `default`."),
    annotations: texts("Its annotations, such as an IAM role's for CloudWatch."),
  }),
};

/** JSON Schema of the chart's values. */
export function valuesSchema() {
  const { $defs, $schema, title, description, ...configuration } = configurationJsonSchema();
  const schema = object("Values of the chart.", chartValues);
  return {
    $schema,
    title: "Values of the StreamGate chart",
    ...withoutMarks(schema),
    properties: {
      ...withoutMarks(schema).properties,
      // An empty one is none; one that has anything is a whole configuration.
      config: {
        ...chartValues.config,
        if: { minProperties: 1 },
        // biome-ignore lint/suspicious/noThenProperty: JSON Schema's word.
        then: configuration,
      },
      // Of charts that have this one as a part.
      global: { type: "object" },
    },
    $defs: withoutLookahead($defs),
  };
}

/** Helm's regular expressions have no look-ahead: a text that a pattern excludes is said beside it. */
function withoutLookahead(schema) {
  if (Array.isArray(schema)) return schema.map(withoutLookahead);
  if (schema === null || typeof schema !== "object") return schema;
  const all = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, withoutLookahead(value)]));
  const [, excluded, rest] =
    /^\^\(\?!(\w+)\$\)(.*)$/.exec(typeof schema.pattern === "string" ? schema.pattern : "") ?? [];
  return excluded === undefined ? all : { ...all, pattern: `^${rest}`, not: { const: excluded } };
}

function withoutMarks(schema) {
  if (Array.isArray(schema)) return schema.map(withoutMarks);
  if (schema === null || typeof schema !== "object") return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key]) => !key.startsWith("x-"))
      .map(([key, value]) => [key, withoutMarks(value)]),
  );
}

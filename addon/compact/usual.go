// Copyright The Fairlead Authors
// SPDX-License-Identifier: Apache-2.0

package compact

import "strings"

// usual are the names and values that objects have in common, in an order on which
// nothing depends: packed objects do not outlive the process. The first 128 take a
// byte less than the others.
func usual() []string {
	return strings.Fields(usualHere + usualInWorkloads + usualInStatus + usualElsewhere)
}

const usualHere = `
apiVersion kind metadata spec status name namespace labels annotations uid resourceVersion generation creationTimestamp finalizers
fairlead.dev/managed-by fairlead fairlead.dev/environment fairlead.dev/application-uid fairlead.dev/policy fairlead.dev/revision
fairlead.dev/removal fairlead.dev/propagation fairlead.dev/depends-on fairlead.dev/held fairlead.dev/recreate
app.oam.dev/name app.oam.dev/namespace app.oam.dev/component app.oam.dev/replicaKey app.oam.dev/resourceType app.oam.dev/appRevision
app.oam.dev/revision workload.oam.dev/type trait.oam.dev/type trait.oam.dev/resource WORKLOAD TRAIT AuxiliaryWorkload
deployment.kubernetes.io/revision app.kubernetes.io/name
`

const usualInWorkloads = `
v1 apps/v1 Deployment Service default webservice worker service scaler
replicas selector matchLabels template containers image imagePullPolicy ports containerPort protocol TCP UDP resources requests limits
cpu memory env value valueFrom args command volumeMounts volumes mountPath IfNotPresent Always Never
strategy type rollingUpdate RollingUpdate maxSurge maxUnavailable 25% revisionHistoryLimit progressDeadlineSeconds
restartPolicy dnsPolicy ClusterFirst schedulerName default-scheduler securityContext terminationGracePeriodSeconds
terminationMessagePath /dev/termination-log terminationMessagePolicy File
clusterIP clusterIPs internalTrafficPolicy Cluster ipFamilies IPv4 IPv6 ipFamilyPolicy SingleStack sessionAffinity None ClusterIP
port targetPort appProtocol
`

const usualInStatus = `
conditions lastTransitionTime lastUpdateTime message reason True False Unknown observedGeneration availableReplicas readyReplicas
updatedReplicas unavailableReplicas terminatingReplicas Available Progressing MinimumReplicasAvailable NewReplicaSetAvailable
loadBalancer ingress ReplicaSetUpdated currentReplicas currentRevision updateRevision collisionCount
`

const usualElsewhere = `
livenessProbe readinessProbe startupProbe httpGet tcpSocket exec grpc path scheme HTTP HTTPS host httpHeaders failureThreshold periodSeconds
successThreshold timeoutSeconds initialDelaySeconds lifecycle preStop postStart initContainers emptyDir configMap secret secretName
configMapKeyRef secretKeyRef fieldRef fieldPath key optional items mode defaultMode readOnly subPath persistentVolumeClaim claimName
serviceAccount serviceAccountName automountServiceAccountToken imagePullSecrets nodeSelector tolerations operator Equal Exists effect
affinity nodeAffinity podAffinity podAntiAffinity requiredDuringSchedulingIgnoredDuringExecution
preferredDuringSchedulingIgnoredDuringExecution weight podAffinityTerm labelSelector matchExpressions values topologyKey
topologySpreadConstraints maxSkew whenUnsatisfiable kubernetes.io/hostname hostNetwork hostPID hostIPC hostPath hostAliases hostnames ip
runAsNonRoot runAsUser runAsGroup fsGroup privileged allowPrivilegeEscalation readOnlyRootFilesystem capabilities add drop ALL
seccompProfile RuntimeDefault priorityClassName enableServiceLinks shareProcessNamespace
StatefulSet DaemonSet ReplicaSet serviceName volumeClaimTemplates updateStrategy partition podManagementPolicy OrderedReady Parallel
persistentVolumeClaimRetentionPolicy whenDeleted whenScaled Retain Delete minReadySeconds
batch/v1 Job CronJob jobTemplate schedule suspend concurrencyPolicy Allow Forbid Replace startingDeadlineSeconds
successfulJobsHistoryLimit failedJobsHistoryLimit backoffLimit completions parallelism ttlSecondsAfterFinished completionMode NonIndexed
activeDeadlineSeconds startTime completionTime succeeded failed active ready lastScheduleTime lastSuccessfulTime
PersistentVolumeClaim accessModes ReadWriteOnce ReadWriteMany ReadOnlyMany storage storageClassName volumeMode Filesystem volumeName
phase Bound Pending capacity
networking.k8s.io/v1 Ingress ingressClassName rules paths pathType Prefix Exact ImplementationSpecific backend number tls hosts nginx
autoscaling/v2 HorizontalPodAutoscaler scaleTargetRef minReplicas maxReplicas metrics resource target averageUtilization averageValue
Utilization desiredReplicas currentMetrics behavior scaleUp scaleDown policies stabilizationWindowSeconds
NodePort LoadBalancer ExternalName nodePort externalTrafficPolicy externalName publishNotReadyAddresses sessionAffinityConfig
data stringData immutable ConfigMap Secret ownerReferences controller blockOwnerDeletion deletionTimestamp deletionGracePeriodSeconds
`

output "id" {
  description = "Namespace and name of the application on the hub."
  value       = fairlead_application.this.id
}

output "revision" {
  description = "Names what was written last."
  value       = fairlead_application.this.revision
}

output "resources" {
  description = "The Kubernetes objects of the application, as `environment/component/Kind/name`, with a digest of each."
  value       = fairlead_application.this.resources
}

output "endpoints" {
  description = "Where components are reached from outside, by `environment/cluster/component`. null where the rollout is not waited for."
  value       = one(fairlead_rollout.this[*].endpoints)
}

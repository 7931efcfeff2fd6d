output "environments" {
  description = "The environments by name, as the argument `environments` of fairlead_application takes them: each with its `ref`. Whoever uses it comes after the bindings, and goes before them."
  value       = { for name, environment in fairlead_environment.this : name => { ref = environment.ref } }
  depends_on  = [fairlead_cluster_binding.this]
}

output "addon_version" {
  description = "The version of the addon, where it is installed here."
  value       = one(fairlead_addon.hub[*].version)
}

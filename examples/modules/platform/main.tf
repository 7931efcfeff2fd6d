# What a platform team says once: the addon, the clusters, the environments, and which clusters each environment has.
#
# What an object of `environments` or `bindings` leaves out is looked up with lookup(), not with try(): of a value in which
# something is known only after apply, try() would know nothing at all.

resource "fairlead_addon" "hub" {
  count = var.addon == null ? 0 : 1

  image    = var.addon.image
  replicas = var.addon.replicas
  values   = var.addon.values
}

resource "fairlead_managed_cluster" "this" {
  for_each = var.managed_clusters

  name        = each.key
  cluster_set = each.value.cluster_set
  labels      = each.value.labels
  taints      = each.value.taints
}

resource "fairlead_environment" "this" {
  for_each = var.environments

  name                   = each.key
  application_namespaces = lookup(each.value, "application_namespaces", null)
  target_namespace       = lookup(each.value, "target_namespace", null)
  namespace_options      = lookup(each.value, "namespace_options", null)
  defaults               = lookup(each.value, "defaults", null)
  constraints            = lookup(each.value, "constraints", null)
  permissions            = lookup(each.value, "permissions", null)
  deletion               = lookup(each.value, "deletion", null)

  # The kinds come from the addon, and on destroy its controller is needed to the end.
  depends_on = [fairlead_addon.hub]
}

resource "fairlead_cluster_binding" "this" {
  for_each = var.bindings

  name        = each.key
  environment = fairlead_environment.this[each.value.environment].name
  clusters    = lookup(each.value, "clusters", null)
  placement   = lookup(each.value, "placement", null)
  overrides   = lookup(each.value, "overrides", null)
  rollout     = lookup(each.value, "rollout", null)

  # A cluster is detached when no binding has it any more.
  depends_on = [fairlead_managed_cluster.this]
}

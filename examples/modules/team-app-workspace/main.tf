# One application in one environment: each environment has a workspace, a state and a namespace of the hub of its own. All workspaces
# have the same configuration; the variables of a workspace say which environment it is.

locals {
  namespace = coalesce(var.namespace, "${var.team}-${var.environment}")
}

resource "fairlead_application" "this" {
  name          = var.name
  namespace     = local.namespace
  labels        = var.labels
  annotations   = var.annotations
  components    = var.components
  policies      = var.policies
  ignore_fields = var.ignore_fields

  environments = {
    (var.environment) = {
      ref = var.environment_ref
      # Not try(): of a value in which something is known only after apply it would know nothing at all.
      components = lookup(var.differences, var.environment, null)
    }
  }

  secrets_wo         = var.secrets
  secrets_wo_version = var.secrets_version

  deletion = { protection = var.protection }
}

resource "fairlead_rollout" "this" {
  count = var.rollout.wait ? 1 : 0

  application = fairlead_application.this.id
  revision    = fairlead_application.this.revision
  on_failure  = var.rollout.on_failure

  timeouts = {
    create = var.rollout.timeout
    update = var.rollout.timeout
  }
}

# One application in all its environments, in one state, and the wait until it is healthy there.

resource "fairlead_application" "this" {
  name          = var.name
  namespace     = var.namespace
  labels        = var.labels
  annotations   = var.annotations
  environments  = var.environments
  components    = var.components
  policies      = var.policies
  ignore_fields = var.ignore_fields

  secrets_wo             = var.secrets
  environment_secrets_wo = var.environment_secrets
  secrets_wo_version     = var.secrets_version

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

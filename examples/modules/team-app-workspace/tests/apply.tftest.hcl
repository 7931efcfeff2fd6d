# Needs a hub with the addon, named by the environment: FAIRLEAD_CONFIG_PATH=~/.kube/config terraform test
# What it makes is removed at the end. Terraform asks for a value of each ephemeral variable here, which modules that are called need not have.

run "platform" {
  module {
    source = "../platform"
  }

  variables {
    environments = {
      workspace-prod = {
        application_namespaces = { names = ["team-workspace-workspace-prod"], create = true }
        defaults               = { webservice = { traits = { scaler = { replicas = 3 } } } }
      }
    }
    bindings = { workspace-prod = { environment = "workspace-prod", clusters = ["local"] } }
  }
}

run "one_environment" {
  variables {
    name            = "shop"
    team            = "team-workspace"
    environment     = "workspace-prod"
    environment_ref = run.platform.environments["workspace-prod"].ref
    components = {
      web  = { type = "webservice", properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0", ports = [{ port = 9898, expose = true }] } }
      jobs = { type = "worker", properties = { image = "ghcr.io/stefanprodan/podinfo:6.9.0" } }
    }
    differences = {
      workspace-dev  = { web = { traits = { hpa = { min = 1, max = 2 } } } }
      workspace-prod = { jobs = { traits = { scaler = { replicas = 2 } } } }
    }
    secrets = {}
    rollout = { timeout = "3m" }
  }

  assert {
    condition     = output.id == "team-workspace-workspace-prod/shop" && fairlead_rollout.this[0].revision == output.revision
    error_message = "Application ${output.id} of revision ${output.revision} was rolled out as ${fairlead_rollout.this[0].revision}."
  }

  assert {
    condition     = toset(keys(output.resources)) == toset(["workspace-prod/web/Deployment/web", "workspace-prod/web/Service/web", "workspace-prod/jobs/Deployment/jobs"])
    error_message = "Delivered was ${jsonencode(keys(output.resources))}."
  }
}

# In a file of its own, beside the configuration and not in a module: engines before Terraform 1.14 refuse action blocks.
action "fairlead_rollout_control" "pause" {
  config {
    application = fairlead_application.shop.id
    command     = "pause"
  }
}

action "fairlead_rollout_control" "resume" {
  config {
    application = fairlead_application.shop.id
    command     = "resume"
  }
}

# terraform apply -invoke=action.fairlead_rollout_control.pause

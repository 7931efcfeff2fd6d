# Made anew in each run, and in no state. `kubeconfig` is what the agent takes as its bootstrap-hub-kubeconfig.
ephemeral "fairlead_cluster_join" "this" {
  valid_for = "30m"
}

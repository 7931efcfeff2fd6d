terraform import fairlead_managed_cluster.eu_1 eu-1

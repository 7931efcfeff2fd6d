output "application" {
  description = "Namespace and name of the application on the hub."
  value       = fairlead_application.shop.id
}

output "revision" {
  description = "The revision that was rolled out."
  value       = fairlead_rollout.shop.revision
}

output "database" {
  description = "What the web component reads from DB_HOST."
  value       = terraform_data.database.output
}

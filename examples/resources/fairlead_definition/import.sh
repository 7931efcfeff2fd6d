terraform import fairlead_definition.cache component/fairlead-system/memory

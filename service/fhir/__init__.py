"""FHIR R4 out: findings -> a collection Bundle. No image; of the patient only the reference that the caller gave."""

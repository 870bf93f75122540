"""What the product knows: tables, images, workflows, pipelines. Knows neither Flask nor Celery."""

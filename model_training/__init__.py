"""Trains and judges what the service serves. Knows neither service nor export."""

"""What Atlassian calls over Connect, and how we call a site over Connect."""

"""What is asked and when: requests, right answers, schedules, warm-up, loops, and the raw samples of it."""

"""What becomes of alerts when the disk, the file or its lock fails under the real process."""

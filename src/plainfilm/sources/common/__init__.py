"""What several sources share: reading tables, finding what a download holds, parts of single corpora."""

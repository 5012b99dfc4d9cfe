//! Charges of databases, caches, tables, files and vaults.

use crate::catalog::evaluate::Resolved;

use super::money::{Amount, Span};
use super::sheet::{Charge, Driver, Sheet, Site, Stack};

impl Sheet<'_> {
    /// Charges a resource of this file's types; `false`: it is none.
    pub(super) fn data(&mut self, site: Site<'_>, stacks: &[Stack]) -> bool {
        match site.resource.kind.as_str() {
            "AWS::RDS::DBInstance" => self.database(site),
            "AWS::RDS::DBCluster" => self.cluster(site),
            "AWS::RDS::GlobalCluster" => {
                self.unpriced(site, "writes that are replicated to the other region");
            }
            "AWS::ElastiCache::ReplicationGroup" => self.cache(site),
            "AWS::DynamoDB::Table" => self.table(site),
            "AWS::EFS::FileSystem" => self.file_system(site),
            "AWS::Backup::BackupVault" => self.vault(site, stacks),
            "AWS::Backup::RestoreTestingPlan" => {
                self.unpriced(site, "restore tests, and what runs while they do");
            }
            _ => return false,
        }
        true
    }

    fn database(&mut self, site: Site<'_>) {
        let Some(class) = site.text(&["DBInstanceClass"]) else {
            return self.unpriced(site, "its class is not known");
        };
        let aurora = site.at(&["DBClusterIdentifier"]).is_some()
            || site.text(&["Engine"]).is_some_and(|engine| engine.starts_with("aurora"));
        if aurora {
            return self.aurora(site, &class);
        }
        self.managed_secret(site);
        let two = site.at(&["MultiAZ"]).and_then(Resolved::flag) == Some(true);
        let (count, note) =
            if two { (2, "Multi-AZ: twice, for the standby") } else { (1, "one zone") };
        self.charge(site, Charge::hourly(&format!("rds/{class}"), count).note(note));
        // A replica has the storage of its source.
        let source = site.follow(&["SourceDBInstanceIdentifier"]).unwrap_or(site);
        let size = |name| site.amount(&[name]).or_else(|| source.amount(&[name]));
        match size("AllocatedStorage") {
            Some(least) => {
                let most = size("MaxAllocatedStorage").unwrap_or(least).max(least);
                let span = Span { low: least, expected: least, high: most };
                let amount = span.map(|size| size.times(Amount::from(count)));
                let charge =
                    Charge { key: "rds-gp3-gb", driver: Driver::Scaled, amount, note: None };
                let kind = site.text(&["StorageType"]).or_else(|| source.text(&["StorageType"]));
                match kind.as_deref() {
                    Some("gp3") => self.charge(site, charge.note(note)),
                    other => {
                        let kind = other.unwrap_or("unknown").to_owned();
                        self.unpriced(site, format!("storage of type {kind}"));
                    }
                }
            }
            None => self.unpriced(site, "the size of its storage is not known"),
        }
    }

    fn aurora(&mut self, site: Site<'_>, class: &str) {
        if class != "db.serverless" {
            return self.charge(site, Charge::hourly(&format!("aurora/{class}"), 1));
        }
        let cluster = site.follow(&["DBClusterIdentifier"]);
        let capacity = |name| {
            cluster.and_then(|cluster| cluster.amount(&["ServerlessV2ScalingConfiguration", name]))
        };
        match (capacity("MinCapacity"), capacity("MaxCapacity")) {
            (Some(least), Some(most)) => {
                let note = format!("{least} to {most} capacity units");
                let running = self.scaled(least, most);
                self.charge(site, Charge::scaled("aurora-acu", running).note(note));
            }
            _ => self.unpriced(site, "its capacity units are not known"),
        }
    }

    fn cluster(&mut self, site: Site<'_>) {
        self.managed_secret(site);
        match site.text(&["StorageType"]).as_deref() {
            None | Some("aurora") => {
                self.charge(site, Charge::usage("aurora-gb", self.usage.aurora_gb));
                self.charge(site, Charge::usage("aurora-io", self.usage.aurora_io_million));
                let backup = self.usage.database_backup_gb;
                self.charge(site, Charge::usage("aurora-backup-gb", backup));
            }
            Some(other) => self.unpriced(site, format!("storage of type {other}")),
        }
    }

    /// A password that RDS manages lies in a secret that RDS makes.
    fn managed_secret(&mut self, site: Site<'_>) {
        if site.at(&["ManageMasterUserPassword"]).and_then(Resolved::flag) == Some(true) {
            self.charge(site, Charge::fixed("secret", 1).note("made by RDS"));
        }
    }

    fn cache(&mut self, site: Site<'_>) {
        let (Some(class), Some(engine)) = (site.text(&["CacheNodeType"]), site.text(&["Engine"]))
        else {
            return self.unpriced(site, "its engine or the type of its nodes is not known");
        };
        let shards = site.amount(&["NumNodeGroups"]).unwrap_or(Amount::ONE);
        let replicas = site.amount(&["ReplicasPerNodeGroup"]).unwrap_or_default();
        let nodes = shards.times(replicas.plus(Amount::ONE));
        let note = format!("{nodes} nodes: {shards} shards of 1 primary and {replicas} replicas");
        self.charge(site, Charge::hourly(&format!("cache/{engine}/{class}"), nodes).note(note));
        if site.amount(&["SnapshotRetentionLimit"]).is_some_and(|days| days > Amount::default()) {
            let kept = self.usage.cache_backup_gb;
            self.charge(site, Charge::usage("cache-backup-gb", kept));
        }
    }

    fn table(&mut self, site: Site<'_>) {
        if site.text(&["BillingMode"]).as_deref() != Some("PAY_PER_REQUEST") {
            return self.unpriced(site, "provisioned capacity");
        }
        let size = self.usage.tables_gb;
        self.charge(site, Charge::usage("table-gb", size));
        self.charge(site, Charge::usage("table-writes", self.usage.table_writes_million));
        self.charge(site, Charge::usage("table-reads", self.usage.table_reads_million));
        let recovery = ["PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"];
        if site.at(&recovery).and_then(Resolved::flag) == Some(true) {
            self.charge(site, Charge::usage("table-pitr-gb", size));
        }
    }

    fn file_system(&mut self, site: Site<'_>) {
        self.charge(site, Charge::usage("files-gb", self.usage.files_gb));
        if site.text(&["ThroughputMode"]).as_deref() == Some("elastic") {
            self.charge(site, Charge::usage("file-reads-gb", self.usage.file_reads_gb));
            self.charge(site, Charge::usage("file-writes-gb", self.usage.file_writes_gb));
        }
    }

    /// A vault holds backups of what the stacks have; how much, only the usage says.
    fn vault(&mut self, site: Site<'_>, stacks: &[Stack]) {
        let usage = self.usage;
        let has = |kind: &str| {
            stacks.iter().flat_map(|stack| &stack.resources).any(|one| one.kind == kind)
        };
        if has("AWS::RDS::DBCluster") {
            self.charge(site, Charge::usage("aurora-backup-gb", usage.vault_database_gb));
        } else if has("AWS::RDS::DBInstance") {
            self.charge(site, Charge::usage("rds-backup-gb", usage.vault_database_gb));
        }
        if has("AWS::DynamoDB::Table") {
            self.charge(site, Charge::usage("vault-tables-gb", usage.vault_tables_gb));
        }
        if has("AWS::EFS::FileSystem") {
            self.charge(site, Charge::usage("vault-files-gb", usage.vault_files_gb));
        }
        if has("AWS::S3::Bucket") {
            self.unpriced(site, "backups of S3");
        }
    }
}

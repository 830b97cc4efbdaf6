import ArgumentParser
import Storage

/// The root command: only names its subcommands.
struct StorageInspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "iii-storage-inspect",
        abstract: "Look into a store's directory; back it up, move it, save what can be saved.",
        discussion: """
            STORE is the directory that holds FORMAT and wal/: the file_path of the configuration. It is only read \
            (but for LMDB's own snapshot/lock.mdb, which keeps what is being read): the store's lock is not taken, \
            damage stops nothing, and an engine may have the store open meanwhile. Only backup, which opens and closes \
            a stopped store, and cut change it.

            Every command that reads the log reads all of it and ends with its condition, as recovery would judge it:
              0  sound, done
              1  the answer is no: no such key, stores that differ, a moment that is not known
              2  wrong arguments, no store, no rights, a wrong key
              3  damage: the engine would refuse to open the store, or history is lost
              4  sound but for a torn tail: a write that was cut short, never acknowledged
              5  written by a newer version
              74 the disk failed or is full

            With --json, commands print one object, or one object per line where their help says so. Keys stand in a \
            fixed order; more may be added. Times are UTC with nanoseconds.
            """,
        version: "iii-storage-inspect, store format \(LogInspector.formatVersion)",
        subcommands: [
            Summary.self, State.self, Streams.self, Get.self, History.self, Segments.self, Batches.self, Records.self,
            Snapshot.self, Verify.self, Diff.self, Export.self, Import.self, Salvage.self, Backup.self, Restore.self,
            Cut.self,
            ImportUpstream.self, ExportUpstream.self, Keygen.self, Drill.self, SnapshotWalk.self,
        ]
    )
}

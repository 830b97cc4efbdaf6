import Testing

@testable import Storage
@testable import iii_storage_inspect

/// Every command that makes something has it on the device, files and names, before it reports success. Before, restore,
/// import, salvage, keygen and the copy of cut left directories unsynced.
@Suite(.serialized) struct SyncAuditTests {
    /// A command line in which ROOT is the directory below which everything is.
    struct Command: CustomTestStringConvertible {
        var line: String
        var status: Int32 = 0
        var testDescription: String { line }
    }

    private static let commands = [
        Command(line: "backup ROOT/store --to ROOT/new"),
        Command(line: "restore ROOT/backup --to ROOT/new"),
        Command(line: "restore ROOT/backup --to ROOT/new --through 5"),
        Command(line: "restore ROOT/backup --to ROOT/new --log ROOT/damaged --through 15"),
        Command(line: "restore ROOT/backup --to ROOT/new --through 999", status: 1),
        Command(line: "salvage ROOT/damaged --to ROOT/new", status: 3),
        Command(line: "cut ROOT/damaged --accept-data-loss 2:20480 --copy-to ROOT/new --yes"),
        Command(line: "export ROOT/store --output ROOT/new"),
        Command(line: "import ROOT/export --to ROOT/new"),
        Command(line: "export-upstream ROOT/store --to ROOT/new"),
        Command(line: "import-upstream ROOT/volume --to ROOT/new"),
        Command(line: "keygen --output ROOT/new"),
    ]

    private func prepare(_ root: String) throws {
        try StoreFixture.killed(root + "/damaged", checkpointAfter: 10, rows: 60)
        _ = try StoreCopy.run(store: root + "/damaged", to: root + "/backup")
        try StoreFixture.damage(StoreFixture.segment(root + "/damaged", 2), at: 5 * LogLimits.blockBytes + 90)
        var options = StoreFixture.options
        options.retainLogBytes = .max
        try StoreFixture.closed(root + "/store", rows: 40, options: options)
        #expect(Run("export", root + "/store", "--output", root + "/export").status == .sound)
        _ = Executable.shell("mkdir \(root)/volume; rm -rf \(root)/damaged.live")
    }

    private func audit(_ command: Command, forgetting: String = "") throws -> SyncAudit.Result {
        let scratch = try Scratch()
        let audit = try SyncAudit(scratch)
        try prepare(audit.root)
        let line = Snapshot.replace("ROOT", by: audit.root, in: command.line)
        return try audit.run(line, forgetting: forgetting)
    }

    @Test(arguments: commands)
    func everythingIsOnTheDevice(command: Command) throws {
        let result = try audit(command)
        #expect(result.status == command.status, "\(command.line): \(result.output)")
        #expect(result.unexplained == [], "\(command.line)")
        #expect(result.lost == [], "\(command.line)")
    }

    /// The audit sees a missing sync of each kind.
    @Test(arguments: ["fdatasync", "dirsync"])
    func aForgottenSyncIsNoticed(which: String) throws {
        for line in ["restore ROOT/backup --to ROOT/new", "backup ROOT/store --to ROOT/new"] {
            #expect(try !audit(Command(line: line), forgetting: which).lost.isEmpty, "\(line) without \(which)")
        }
    }
}

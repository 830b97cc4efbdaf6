import Glibc
import Testing

@testable import StorageDrill
@testable import iii_storage_inspect

/// The drill, in the executable: its child is the tool itself.
@Suite(.serialized) struct DrillTests {
    @Test func aShortDrill() throws {
        let scratch = try Scratch()
        let (output, status) = Executable.shell(
            "$TOOL drill --dir \(scratch.path) --rounds 2 --images 3 --json --seed 7"
        )
        // What the disk here is worth is not the test's business: 1 says only that.
        #expect(status == 0 || status == 1, "\(output)")
        #expect(
            JSONCheck.keys(String(output.dropLast()))
                == ["directory", "seed", "trusted", "reasons", "kills", "powerCuts", "disk", "kept"],
            "\(output)"
        )
        #expect(try scratch.fingerprint().isEmpty, "it removes what it made")
    }

    @Test func usage() {
        for words in [["drill"], ["drill", "--dir", "/tmp", "--rounds", "0"], ["drill", "--dir", "/none/such"]] {
            #expect(Run(words).status == .usage, "\(words)")
        }
    }

    @Test func reports() throws {
        var lost = RoundsResult()
        lost.acknowledged = 10
        lost.add(Verdict(found: 8, lost: 2, problem: "lost 2 of 10 acknowledged transactions (I1)"), "round 0")
        var sound = RoundsResult()
        sound.acknowledged = 10
        sound.add(Verdict(found: 10), "round 0")
        let good = Self.truth(fileSystem: "ext4")
        let bad = Self.truth(fileSystem: "tmpfs")
        for (name, rounds, truth) in [("sound", sound, good), ("memory", sound, bad), ("lost", lost, good)] {
            let listing = DrillListing(directory: "/disk", seed: 7, rounds: rounds, images: sound, truth: truth)
            let kept = listing.isSound ? nil : "/disk/iii-drill-x"
            let text = try Self.printed { console in
                try listing.write(kept, to: console)
                try console.line(listing.json(kept))
            }
            try Snapshot.check("drill-\(name)", text + "-- exit \(listing.status.rawValue)\n")
        }
    }

    private static func truth(fileSystem: String) -> DiskTruth {
        var facts = MountFacts(directory: "/none/such")
        facts.fileSystem = fileSystem
        facts.mountPoint = "/disk"
        facts.device = "/dev/sda1"
        facts.options = ["rw", "relatime"]
        facts.writeCache = "write back"
        facts.hasForcedUnitAccess = true
        let times = SyncTimes(nanoseconds: (1...100).map { 1_000_000 + $0 * 10_000 })
        return DiskTruth(direct: times, buffered: times, facts: facts)
    }

    private static func printed(_ body: (Console) throws -> Void) throws -> String {
        var output: [UInt8] = []
        let console = Console(
            output: { output += $0 },
            errors: { _ in },
            isOutputTerminal: false,
            isErrorTerminal: false,
            nanoseconds: { 0 }
        )
        try body(console)
        try console.finish()
        return String(decoding: output, as: UTF8.self)
    }
}

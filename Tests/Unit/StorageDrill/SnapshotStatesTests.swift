import Glibc
import Testing

@testable import StorageDrill

/// How a recorded commit of LMDB is taken apart.
@Suite struct SnapshotStatesTests {
    private static let pageBytes = RecordedCommit.pageBytes

    private func content(_ byte: UInt8, pages: Int) -> [UInt8] {
        [UInt8](repeating: byte, count: pages * Self.pageBytes)
    }

    /// Two pages and a sync, then a meta page.
    private func journal(isSynced: Bool = true) throws -> Journal {
        var journal = HandMadeJournal()
        journal.create("snapshot/data.mdb", node: 1)
        journal.write(1, content(1, pages: 4))
        journal.sync(1)
        journal.add(.mark, value: 1)
        journal.write(1, at: UInt64(2 * Self.pageBytes), content(2, pages: 2))
        if isSynced { journal.sync(1) }
        journal.writeDurably(1, at: 16, [3, 3, 3, 3, 3, 3, 3, 3])
        journal.add(.mark, value: 2)
        return try journal.journal(in: TemporaryDirectory())
    }

    @Test func aCommitIsItsPagesItsSyncAndItsMetaPage() throws {
        let commit = try #require(CommitFinder.commits(in: journal(), 2...2).first)
        #expect(commit.pages.map(\.number) == [2, 3] && commit.isOrdered && commit.isMetaDurable)
        #expect(commit.isLastOfGeneration && commit.base == content(1, pages: 4))
        #expect(try CommitFinder.commits(in: journal(isSynced: false), 2...2).first?.isOrdered == false)
    }

    /// With the old meta page any page may be missing; with the new one none that was synced before it.
    @Test func theOrderOfSyncsSaysWhatMayBeLost() throws {
        for isSynced in [true, false] {
            let journal = try journal(isSynced: isSynced)
            let commit = try #require(CommitFinder.commits(in: journal, 2...2).first)
            let states = CommitStates(commit, journal, seed: 1)
            for subset in 0..<4 {
                #expect(states.state(at: subset * 3).expected == 1...1)
                let isPossible = subset == 0 || !isSynced
                #expect(states.state(at: subset * 3 + 1).expected == (isPossible ? 2...2 : nil))
                #expect(states.state(at: subset * 3 + 2).expected == nil)
            }
            let acknowledged = states.state(at: states.count - 1)
            #expect(acknowledged.expected == 2...2)
            #expect(Array(acknowledged.bytes[(2 * Self.pageBytes)...]) == content(isSynced ? 2 : 1, pages: 2))
        }
    }

    @Test func plansComeAcross() throws {
        var plan = SnapshotPlan()
        (plan.directory, plan.scratch, plan.kind, plan.seed) = ("/some where", "/x", .deep, 9)
        (plan.images, plan.lane, plan.lanes, plan.first) = (5, 1, 2, 77)
        #expect(try SnapshotPlan(arguments: plan.arguments) == plan)
        #expect(throws: DrillError.self) { try SnapshotPlan(arguments: ["snapshot"]) }
    }
}

import Testing

@testable import Storage

/// Every order in which copies, the map's growth and the end of a snapshot can come (I9 in small): LMDB's map never moves and
/// never goes under a copy, and goes exactly once.
@Suite struct SnapshotLifeTests {
    /// What a snapshot's users do next, and what the environment has seen.
    private struct World: Hashable {
        enum Copy: Hashable { case ready, copying, over }

        var life = SnapshotLife()
        var copies = [Copy](repeating: .ready, count: 3)
        var growths = 2
        var isClosed = false
        var environmentsClosed = 0

        var copying: Int { copies.count { $0 == .copying } }

        /// All worlds that may follow, each with a broken promise if there is one.
        func next() -> [(World, String?)] {
            var worlds: [(World, String?)] = []
            for index in copies.indices where copies[index] != .over {
                var world = self
                let problem = world.stepCopy(index)
                worlds.append((world, problem))
            }
            // The thread that writes has ended when the snapshot is closed.
            if growths > 0, !isClosed {
                var world = self
                let problem = world.grow()
                worlds.append((world, problem))
            }
            if !isClosed {
                var world = self
                world.isClosed = true
                if world.life.close() { world.environmentsClosed += 1 }
                let isEarly = world.environmentsClosed > 0 && copying > 0
                worlds.append((world, isEarly ? "closed under a copy" : nil))
            }
            return worlds
        }

        private mutating func stepCopy(_ index: Int) -> String? {
            if copies[index] == .copying {
                copies[index] = .over
                if life.endCopy() { environmentsClosed += 1 }
                return environmentsClosed > 0 && copying > 0 ? "closed under another copy" : nil
            }
            let mayBegin = !isClosed && !life.waitsForGrowth
            let answer = life.beginCopy()
            copies[index] = answer == .granted ? .copying : .over
            if isClosed, answer != .closed { return "a copy of a closed snapshot" }
            return (answer == .granted) == mayBegin ? nil : "\(answer), although it may begin: \(mayBegin)"
        }

        private mutating func grow() -> String? {
            growths -= 1
            let moves = life.mayGrow()
            if moves, copying > 0 { return "moved under a copy" }
            return moves == (copying == 0) ? nil : "it never grows"
        }

        var isOver: Bool { isClosed && copying == 0 }
    }

    @Test func everyInterleaving() {
        var seen: Set<World> = [World()]
        var front = [World()]
        while let world = front.popLast() {
            #expect(world.environmentsClosed == (world.isOver ? 1 : 0), "\(world)")
            for (next, problem) in world.next() {
                #expect(problem == nil, "\(world)")
                if seen.insert(next).inserted { front.append(next) }
            }
        }
        #expect(seen.count > 150, "\(seen.count) worlds")
    }
}

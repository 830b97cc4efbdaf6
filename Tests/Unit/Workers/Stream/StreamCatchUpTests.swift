import Testing

@testable import Engine
@testable import Workers

/// A client that comes back to more missed events than it can take at once.
@Suite struct StreamCatchUpTests {
    private static let value = "\"\(String(repeating: "x", count: 20_000))\""

    /// `count` items that somebody missed who had the position of the first one: `test-1`.
    private func streams(
        missed count: Int,
        configure: (inout StreamConfiguration) -> Void = { _ in }
    ) throws -> StreamHarness {
        var configuration = StreamConfiguration()
        configure(&configuration)
        let streams = StreamHarness(configuration)
        for n in 0...count { try streams.set("i\(n)", Self.value) }
        return streams
    }

    /// A client that has resumed and takes nothing.
    private func stuckPeer(_ streams: StreamHarness) throws -> StreamPeer {
        let peer = try streams.connect()
        setReads(peer, false)
        try peer.join(#","resume":"test-1""#)
        #expect(try peer.messages().isEmpty)
        return peer
    }

    private func setReads(_ peer: StreamPeer, _ reads: Bool) {
        peer.channel.isWritable = reads
        peer.channel.pipeline.fireChannelWritabilityChanged()
    }

    private func ids(_ peer: StreamPeer) throws -> [String] {
        try peer.messages().compactMap { $0["id"]?.string }
    }

    /// Closed with 1013 it had missed more than its queue holds, by definition; that alone was once too much to resume.
    @Test func moreThanTheQueueHolds() throws {
        let streams = try streams(missed: 200) { $0.limits.connectionQueueBytes = 64 << 10 }
        let peer = try streams.connect()
        try peer.join(#","resume":"test-1""#)
        let messages = try peer.messages()
        #expect(messages.first?["event"]?["missed"]?.int == 200)
        #expect(messages.dropFirst().map { $0["id"]?.string } == (1...200).map { "i\($0)" })
        #expect(messages.dropFirst().map { $0["position"]?.string } == (2...201).map { "test-\($0)" })
    }

    /// What happens while it catches up comes behind what it missed, once; and the queue's bound is for live events.
    @Test func liveEventsWaitInTheHistory() throws {
        let streams = try streams(missed: 200) { $0.limits.connectionQueueBytes = 64 << 10 }
        let peer = try stuckPeer(streams)
        for n in 201...300 { try streams.set("i\(n)", Self.value) }
        setReads(peer, true)
        #expect(try ids(peer) == (1...300).map { "i\($0)" })
        try streams.set("last", "1")
        #expect(try ids(peer) == ["last"])
        #expect(peer.closeCode == nil)
    }

    @Test func twoSubscriptionsOfOneConnection() throws {
        let streams = try streams(missed: 100)
        for n in 0...100 { try streams.set("o\(n)", Self.value, group: "other") }
        let peer = try stuckPeer(streams)
        try peer.join(#","resume":"test-102""#, id: "second", group: "other")
        try streams.set("new", "1")
        setReads(peer, true)
        let ids = try ids(peer)
        #expect(ids.filter { !$0.hasPrefix("o") } == (1...100).map { "i\($0)" } + ["new"])
        #expect(ids.filter { $0.hasPrefix("o") } == (1...100).map { "o\($0)" })
    }

    /// The history forgets what it hasn't taken: it has to come again, and is told that events are missing.
    @Test func slowerThanTheHistoryForgets() throws {
        let streams = try streams(missed: 150) { $0.history.events = 150 }
        var peer = try stuckPeer(streams)
        for n in 151...400 { try streams.set("i\(n)", "1") }
        setReads(peer, true)
        let seen = try ids(peer)
        #expect(!seen.isEmpty && seen == (1...seen.count).map { "i\($0)" })
        #expect(peer.closeCode == 1013 && streams.worker.server?.subscribers.count == 0)
        peer = try streams.connect()
        try peer.join(#","resume":"test-\#(seen.count + 1)""#)
        #expect(try peer.messages().first?["event"]?["reason"]?.string == "too_old")
    }

    @Test func leavingEndsIt() throws {
        let streams = try streams(missed: 400)
        let peer = try stuckPeer(streams)
        try peer.leave()
        setReads(peer, true)
        let seen = try ids(peer)
        #expect(!seen.isEmpty && seen.count < 100)
        try peer.join(#","resume":"test-\#(seen.count + 1)""#)
        #expect(try ids(peer) == (seen.count + 1...400).map { "i\($0)" })
    }

    @Test func disconnectingEndsIt() throws {
        let streams = try streams(missed: 200)
        let peer = try stuckPeer(streams)
        try peer.disconnect()
        #expect(streams.worker.server?.subscribers.count == 0)
    }
}

import Testing

@testable import Engine

/// W3C headers (protocol.md §10).
struct TraceContextTests {
    private static let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test(arguments: [
        "", "x", "00", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
    ])
    func malformedParentsAreAbsent(text: String) {
        #expect(TraceContext(traceparent: text, baggage: nil).traceparent == nil)
    }

    @Test func wellFormedParentIsKept() {
        #expect(TraceContext(traceparent: Self.parent, baggage: "").traceparent == Self.parent)
        #expect(TraceContext(traceparent: Self.parent, baggage: "").baggage == nil)
    }

    @Test(
        arguments: [
            (nil, "iii.function.id=f"),
            ("tenant=a", "tenant=a,iii.function.id=f"),
            ("iii.function.id=old", "iii.function.id=f"),
            ("a=1,iii.function.id=old,b=2", "a=1,b=2,iii.function.id=f"),
            ("a=1, iii.function.id = old ,b=2", "a=1,b=2,iii.function.id=f"),
            ("iii.function.id=old;ttl=3,iii.function.identity=x", "iii.function.identity=x,iii.function.id=f"),
        ] as [(String?, String)]
    )
    func baggageNamesTheTarget(baggage: String?, expected: String) {
        #expect(TraceContext(traceparent: Self.parent, baggage: baggage).forwarded(to: "f").baggage == expected)
        #expect(TraceContext(traceparent: nil, baggage: baggage).naming("f") == expected)
    }

    @Test func longBaggageIsDropped() {
        let longest = String(repeating: "a,", count: 4096)
        #expect(TraceContext(traceparent: nil, baggage: longest).baggage == longest)
        #expect(
            TraceContext(traceparent: Self.parent, baggage: longest + ",").forwarded(to: "f").baggage
                == "iii.function.id=f"
        )
        #expect(TraceContext(traceparent: nil, baggage: longest + ",").isEmpty)
    }

    @Test func nothingIsAddedWithoutHeaders() {
        #expect(TraceContext.none.forwarded(to: "f").isEmpty)
    }
}

import NIOCore

/// Worker B: registers the benchmark's functions and answers their invocations.
/// - `bench::echo` returns its data, `bench::sink` a constant, `bench::http` its data's body with status 200.
struct Executor: WorkerRole {
    /// The relay answers nothing, so that nothing is registered with it and no pong awaited.
    let isEngine: Bool
    let ready: EventLoopPromise<Void>
    let isFinished = false

    mutating func opened(output: inout ByteBuffer) {
        guard isEngine else { return ready.succeed() }
        for id in ["bench::echo", "bench::sink", "bench::http"] {
            output.writeMaskedMessage("{\"type\":\"registerfunction\",\"id\":\"\(id)\"}")
        }
        output.writeMaskedMessage(
            """
            {"type":"registertrigger","id":"bench-http","trigger_type":"http","function_id":"bench::http",\
            "config":{"api_path":"bench","http_method":"POST"}}
            """
        )
        // Frames of one connection are processed in order: the pong says that all of it is registered.
        output.writeMaskedMessage("{\"type\":\"ping\"}")
    }

    mutating func received(_ message: UnsafeRawBufferPointer, output: inout ByteBuffer) {
        guard let function = Scan.end(of: "\"function_id\":\"bench::", in: message),
            let id = Scan.end(of: "\"invocation_id\":\"", in: message), id + 36 <= message.count
        else {
            if Scan.end(of: "\"type\":\"pong\"", in: message) != nil { ready.succeed() }
            return
        }
        let idBytes = UnsafeRawBufferPointer(rebasing: message[id..<(id + 36)])
        switch message[function] {
        case UInt8(ascii: "e"):
            let data = value(of: "\"data\":", in: message)
            answer(idBytes, "\",\"function_id\":\"bench::echo\",\"result\":", data, "}", &output)
        case UInt8(ascii: "h"):
            let body = value(of: "\"body\":", in: message)
            let head: StaticString =
                "\",\"function_id\":\"bench::http\",\"result\":{\"status_code\":200,\"body\":"
            answer(idBytes, head, body, "}}", &output)
        default:
            let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
            answer(idBytes, "\",\"function_id\":\"bench::sink\",\"result\":true", nothing, "}", &output)
        }
    }

    mutating func closed(_ error: any Error) {
        ready.fail(error)
    }

    private func value(of key: StaticString, in message: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard let start = Scan.end(of: key, in: message) else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(rebasing: message[start..<Scan.endOfValue(in: message, from: start)])
    }

    private func answer(
        _ id: UnsafeRawBufferPointer,
        _ middle: StaticString,
        _ payload: UnsafeRawBufferPointer,
        _ tail: StaticString,
        _ output: inout ByteBuffer
    ) {
        let head: StaticString = "{\"type\":\"invocationresult\",\"invocation_id\":\""
        let count =
            head.utf8CodeUnitCount + id.count + middle.utf8CodeUnitCount + payload.count + tail.utf8CodeUnitCount
        output.writeMaskedFrame(payloadBytes: count) {
            $0.writeStaticString(head)
            $0.writeBytes(id)
            $0.writeStaticString(middle)
            $0.writeBytes(payload)
            $0.writeStaticString(tail)
        }
    }
}

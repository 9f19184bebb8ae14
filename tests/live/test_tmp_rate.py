import asyncio, time, pytest
from tests.live.test_transport import *
@pytest.mark.parametrize("capacity_ms", [5.0, 2.0])
async def test_rate(settings, capacity_ms):
    service, handled = Service("identify" if capacity_ms==5 else "compare", settings), []
    topic = "captures.inspected" if capacity_ms==5 else "captures.identified"
    rec = INSPECTION if capacity_ms==5 else IDENTIFICATION
    lock = asyncio.Lock(); 
    async def handle(_, event):
        async with lock:
            await asyncio.sleep(capacity_ms/1000)
        handled.append(time.monotonic())
    service.consume(topic, handle)
    n = 3000
    await asyncio.to_thread(send, settings.brokers, topic, [(f"k{i}", rec) for i in range(n)])
    t=time.monotonic(); pauses=[]
    async with running(service):
        base=time.monotonic()
        idle=0; samples=[]
        while len(handled)<n and time.monotonic()-base<60:
            samples.append(service.consumer.in_flight()); await asyncio.sleep(0.05)
        took=handled[-1]-handled[0]
        print(f"\nRATE {capacity_ms} ms: {len(handled)/took:.0f}/s of {1000/capacity_ms:.0f}; zero in flight {sum(s==0 for s in samples)}/{len(samples)}, max {max(samples)}, gaps>50ms {sum(b-a>0.05 for a,b in zip(handled,handled[1:]))}, biggest {max(b-a for a,b in zip(handled,handled[1:])):.2f}")

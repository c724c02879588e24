"""The doors by TLS: both of them work, old versions are refused, and browsers are told to come this way alone."""

import datetime
import ipaddress
import ssl
from http.cookies import SimpleCookie

import pytest
from aiohttp import ClientConnectionError, ClientSession, TCPConnector, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from gateway.cli import app
from gateway.identity.tls import server_context
from tests.gateway.doors import signed_headers


@pytest.fixture
def certificate(tmp_path):
    """A certificate for the loopback address, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bwx")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "certificate.pem", tmp_path / "private.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    return paths


async def serve_tls(doors, certificate):
    site = web.TCPSite(doors.runner, "127.0.0.1", 0, ssl_context=server_context(*certificate))
    await site.start()
    return f"https://127.0.0.1:{doors.runner.addresses[-1][1]}"


async def test_rest_and_sockets_come_by_tls_and_browsers_are_told_so(doors, certificate):
    url = await serve_tls(doors, certificate)
    trust = ssl.create_default_context(cafile=str(certificate[0]))
    async with ClientSession(connector=TCPConnector(ssl=trust)) as http:
        async with http.get(f"{url}/v1/time") as response:
            assert response.status == 200
            assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
        async with http.ws_connect(f"{url}/v1/ws", headers={"Origin": url}) as socket:
            await socket.send_str('{"op": "ping", "id": 1}')
            assert (await socket.receive_json())["ok"]
    async with doors.http.get(f"{doors.url}/v1/time") as response:
        assert "Strict-Transport-Security" not in response.headers


async def test_the_cookie_of_a_sign_in_travels_by_tls_alone_where_there_is_tls(doors, certificate):
    url = await serve_tls(doors, certificate)
    trust = ssl.create_default_context(cafile=str(certificate[0]))
    headers = signed_headers(await doors.account("alice"), "POST", "/v1/session", b"{}")
    async with (
        ClientSession(connector=TCPConnector(ssl=trust)) as http,
        http.post(f"{url}/v1/session", data=b"{}", headers=headers) as response,
    ):
        assert response.status == 201
        assert SimpleCookie(response.headers["Set-Cookie"])["bwx_session"]["secure"] is True


async def test_an_old_version_of_tls_is_refused(doors, certificate):
    url = await serve_tls(doors, certificate)
    trust = ssl.create_default_context(cafile=str(certificate[0]))
    trust.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        trust.minimum_version = trust.maximum_version = ssl.TLSVersion.TLSv1_1
    async with ClientSession(connector=TCPConnector(ssl=trust)) as http:
        with pytest.raises(ClientConnectionError):
            await http.get(f"{url}/v1/time")


async def test_whoever_does_not_know_the_certificate_does_not_connect(doors, certificate):
    url = await serve_tls(doors, certificate)
    async with ClientSession() as http:
        with pytest.raises(ClientConnectionError):
            await http.get(f"{url}/v1/time")


def test_a_certificate_that_is_none_is_refused(tmp_path, certificate):
    (tmp_path / "other.pem").write_text("nothing")
    with pytest.raises(OSError, match="PEM"):
        server_context(tmp_path / "other.pem", certificate[1])
    with pytest.raises(FileNotFoundError):
        server_context(tmp_path / "missing.pem", certificate[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--certificate", "{0}"], "takes both"),
        (["--private-key", "{1}"], "takes both"),
        (["--certificate", "{0}", "--private-key", "{1}", "--demo"], "without TLS"),
        (["--certificate", "{0}.missing", "--private-key", "{1}"], "No such file"),
        (["--certificate", "{1}", "--private-key", "{1}"], "PEM"),
    ],
)
def test_serving_by_tls_without_what_it_takes_is_refused_in_one_line(tmp_path, certificate, options, message):
    arguments = [option.format(*certificate) for option in options]
    told = CliRunner().invoke(app, ["serve", "--directory", str(tmp_path / "store"), *arguments])
    assert told.exit_code == 2
    assert message in told.stderr
    assert len(told.stderr.splitlines()) == 1
    assert not (tmp_path / "store").exists()

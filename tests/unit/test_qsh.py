"""The query string hash, by the cases that Atlassian's own library is known for.

ATLASSIAN holds requests and the hashes that Atlassian's library gives for them: npm package
atlassian-jwt 2.0.3, `createQueryStringHash(fromMethodAndUrl(method, url), false, base)` with the
base "https://a.example" and the context path of the second column, run in Node.js 20.
"""

from __future__ import annotations

import hashlib

import pytest

from app.connect.qsh import canonical_path, canonical_query, parse_query, query_string_hash


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("", "/"),
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b"),
        ("/a/b//", "/a/b/"),
        ("a/b", "/a/b"),
        ("/a&b", "/a%26b"),
        ("/a%20b", "/a%20b"),
    ],
)
def test_a_path_is_written_one_way(path: str, canonical: str) -> None:
    assert canonical_path(path) == canonical


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("b=2&a=1", "a=1&b=2"),
        ("a=2&a=1", "a=1,2"),
        ("a=1&jwt=x.y.z", "a=1"),
        ("a=", "a="),
        ("a=b+c", "a=b%20c"),
        ("a=b%20c", "a=b%20c"),
        ("a=%2B", "a=%2B"),
        ("a=*", "a=%2A"),
        ("a=~", "a=~"),
        ("a=%7E", "a=~"),
        ("a=ü", "a=%C3%BC"),
        ("a=x%2Cy&a=b", "a=b,x%2Cy"),
        ("%24a=1", "%24a=1"),
        ("a=1&A=2", "A=2&a=1"),
        ("a=/", "a=%2F"),
        ("a=:&a=9", "a=9,%3A"),
        ("a%5B=1&aZ=2", "aZ=2&a%5B=1"),
    ],
)
def test_a_query_is_written_one_way(query: str, canonical: str) -> None:
    assert canonical_query(parse_query(query)) == canonical


def test_the_hash_is_over_method_path_and_query() -> None:
    expected = hashlib.sha256(b"GET&/rest/api/3/issue&a=1").hexdigest()
    assert query_string_hash("get", "/rest/api/3/issue/", [("a", "1")]) == expected


# fmt: off
ATLASSIAN = [
    # method, context path, request target, hash
    ("GET", "", "",
     "c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239"),
    ("GET", "", "/",
     "c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239"),
    ("get", "", "/rest/api/3/issue",
     "7dd51b15a6340622a31b4a7e2f9ce8d2f1b74245005df72576963591f8837b37"),
    ("post", "", "/lifecycle/installed",
     "efcb1cff0b1c68eeee0ccea2b4f9e37cc301805233fa3999e63643f28a2b4ac3"),
    ("PUT", "", "/a/b/",
     "b769a8cf3e11c4c77d3b96699cbce4614b9f945318b14fb5ad90fc7b5bbe616a"),
    ("DELETE", "", "/a/b//",
     "7a0bad42a67a7f41cb0234f48d4b28079fdd1cf79269098ccfaaa58a4c40824f"),
    ("GET", "", "/a//b",
     "e267d56945df1bbcf17dd2ed003112cedff579cada6cf23e27113a6226fe076f"),
    ("GET", "", "/a&b",
     "06ded36e6f2dd7a0f96d77cb9dca5e4a43439c79ab45a700b6d25bd9d3eb5c0f"),
    ("GET", "", "/a&b/&/",
     "6a465e7577677ec220a3af50f76c86f9c1b93298fc58334b57ddda0f8148d427"),
    ("GET", "", "/a%26b",
     "06ded36e6f2dd7a0f96d77cb9dca5e4a43439c79ab45a700b6d25bd9d3eb5c0f"),
    ("GET", "", "/a%2Fb",
     "cbc15c3d9a08d4f8cb195d87414cb82afb64de73c2dae6d574b10b0c32543c33"),
    ("GET", "", "/a%2fb",
     "f352df3d9014c1d919b754c1058097a261ee1c80e5f9ddd0f1037c2298c9de0d"),
    ("GET", "", "/a%20b",
     "5109596669c8871ac1462c2002d3d990a68b6d6005c4875ed8b10567d90e08d2"),
    ("GET", "", "/a+b",
     "826f36d5af47663f57ba3bad416a9f4276a44cef39fff46cca21cb5e4765b4cd"),
    ("GET", "", "/%C3%BC",
     "a087974bd998b28c14a7aca990dc004ba94d4f1d09ca0b00d1df50dac60d9eaa"),
    ("GET", "", "/%c3%bc",
     "420163227f131cceb94ed81c69f823bdf07c859fbd78b7cd642a5c8ae1ff80e0"),
    ("GET", "", "/a;b=c",
     "8ece913b5648c2b644e029ba80ef6e1921262e2fd7d094a75a8b1ed6d939ab75"),
    ("GET", "", "/a,b*~!'()",
     "6d81cf911c9067f86b221819bf783173fc2f2d97c66b30979a5b20d8356bd5f2"),
    ("GET", "", "/a/../b",
     "cf5f0433a32e4b064a37f86fc0389dea46059f6726a095f117804cc526976d20"),
    ("GET", "", "/a/%2E%2E/b",
     "9ec1e3e1d8a9c195bf63dd16977294ce2632323fbf29c7d9f802ab16c42cd91e"),
    ("GET", "", "/?",
     "c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239"),
    ("GET", "", "?a=1",
     "242569ddcfa3011ea5a0722d473169ea29cc3e16d4ac9571d3243b508ebe2a8b"),
    ("GET", "", "/a?b=2&a=1",
     "1d7b869eb3296d5a9680d3275c377230a2f0f0656886c5e4f3e5b341609a7d6a"),
    ("GET", "", "/a/?b=2&a=1",
     "1d7b869eb3296d5a9680d3275c377230a2f0f0656886c5e4f3e5b341609a7d6a"),
    ("GET", "", "/a?a=2&a=1",
     "8e0a457613282d5c37a048a3df5bf832cdb24264e3643d8434e6bcd33b7df17c"),
    ("GET", "", "/a?a=1&a=1",
     "dfdbb6c0e93e018b49a9e4bc9c08e730e0842b6cd2fd411bcd33471f76e585cc"),
    ("GET", "", "/a?a=10&a=9&a=1",
     "173417aa13f24484842963be7799d9d18912eaacf6d6f56544a324147b9075f4"),
    ("GET", "", "/a?b=1&a=2&b=0",
     "a2d4f9f7ea39f033e0af5b1f80145565c3c7c61e6fef5269b5e5e0bfc6681d9c"),
    ("GET", "", "/a?a=1&A=2&b=3&B=4",
     "c345a077683a4832424395078b5933bafb432b859bd265b2b1824f9e35bfbe80"),
    ("GET", "", "/a?jwt=x.y.z",
     "7c4508437949da0f53526c7e7c30103aef1a50164365337f11bf73a485ec5380"),
    ("GET", "", "/a?a=1&jwt=x.y.z",
     "4d65c0b243b147c1458c4dbb6d740fe1158c7f6a09bb64b81fa00caca1407fc6"),
    ("GET", "", "/a?jwt=x.y.z&jwt=p.q.r&a=1",
     "4d65c0b243b147c1458c4dbb6d740fe1158c7f6a09bb64b81fa00caca1407fc6"),
    ("GET", "", "/a?%6Awt=x&a=1",
     "4d65c0b243b147c1458c4dbb6d740fe1158c7f6a09bb64b81fa00caca1407fc6"),
    ("GET", "", "/a?JWT=x&a=1",
     "7fbeaf2d35ffbdfdf4bdcf895b6e20e9b55047bfa6c30ea57346b102d9116b73"),
    ("GET", "", "/a?jwtx=x",
     "7a7ee6aae5356bf3f9e61a07c44eb688b0bc98686054a3867b1da914f7fed908"),
    ("GET", "", "/a?a=",
     "52d2710e4430eeed1bacf88e61a99ce29faf25efd0a728e72e43b5e4e516c8ff"),
    ("GET", "", "/a?a",
     "52d2710e4430eeed1bacf88e61a99ce29faf25efd0a728e72e43b5e4e516c8ff"),
    ("GET", "", "/a?a&b=&c=1",
     "77b4453bd37aaedc58b3d4064fb39d92baff17d559f7bc235ba7386ba389f6a3"),
    ("GET", "", "/a?a=&a=1",
     "6e540c18fbea51a6e7031a0ec4d08eba9c80c64dd8ced9abf194a70251acb35d"),
    ("GET", "", "/a?a&a",
     "4d11f478e4b877baaa6825c7c70055f4ee1638fd864d4ec9565f0d4f2121fc8a"),
    ("GET", "", "/a?=x",
     "884463aedcde0a193bc95a27dd3bdc7ad66c0c092b44aaec19b38d2f07c0e55f"),
    ("GET", "", "/a?a=1&&b=2&",
     "1d7b869eb3296d5a9680d3275c377230a2f0f0656886c5e4f3e5b341609a7d6a"),
    ("GET", "", "/a?a=b=c",
     "8330890dac838c687ebc401da34d47033796159c6d822b7a40b16d9d44893d5b"),
    ("GET", "", "/a?a=b+c",
     "6fb35b152ff72faaa999f0f22df40dcd9da94d3bb1548a652d501016f8c866b7"),
    ("GET", "", "/a?a=b%20c",
     "6fb35b152ff72faaa999f0f22df40dcd9da94d3bb1548a652d501016f8c866b7"),
    ("GET", "", "/a?a=b%2Bc",
     "f065bd651bc84fc9a68b6919a0b4fc1d8cc743f077fdc68d24e5b8a9a088db6b"),
    ("GET", "", "/a?a+b=c+d",
     "50ef6a12eaae6d440608c36a6c6d99a9ebaaf9a5e1305e63e5271ebc6dc1afe3"),
    ("GET", "", "/a?a=*",
     "2841d2330e2b66c68a8108384737da52b750371b4cb24460c1e9c86863f683a3"),
    ("GET", "", "/a?a=%2A",
     "2841d2330e2b66c68a8108384737da52b750371b4cb24460c1e9c86863f683a3"),
    ("GET", "", "/a?a=~",
     "35a841b35058f2b25c96c7af12c318f3bc0a35dd10539f1a0cbc44d8d15d1ec3"),
    ("GET", "", "/a?a=%7E",
     "35a841b35058f2b25c96c7af12c318f3bc0a35dd10539f1a0cbc44d8d15d1ec3"),
    ("GET", "", "/a?a=%7e%2a",
     "4e249590800137a86edea1bfca94f220ee5cf661bbd6bf3c2b43264cb1c3bcbe"),
    ("GET", "", "/a?a=-._~!'()*",
     "31dc50386d1037789aba01f749a4f1470c2a685a1152680ab4a4565383881c70"),
    ("GET", "", "/a?a=:/@$,",
     "a30b5c8f8eaa2fbf3c15702f22787874b67b8a2067873c30de4a06b0c0d4a55d"),
    ("GET", "", "/a?a=%C3%BC",
     "1dfb53d81262aaf874d38ac23acfb9f4bc7994fc8ab81e30503e7ecb4ba6b08a"),
    ("GET", "", "/a?a=%c3%bc",
     "1dfb53d81262aaf874d38ac23acfb9f4bc7994fc8ab81e30503e7ecb4ba6b08a"),
    ("GET", "", "/a?%C3%BC=1&z=2",
     "341da2948d0b72cb90933754c29498709c50175010794ae1341f5200f72f1912"),
    ("GET", "", "/a?a=%F0%9F%98%80",
     "aae37564f119417cdb2513bcb4efe581f920d5045ecde5d85304f2f6bdeaaa2d"),
    ("GET", "", "/a?a=%E6%97%A5%E6%9C%AC",
     "c0ff27cfb021b4f844365cbafde4894f6df6e8c37cfef4fa26d50e5e5d43df53"),
    ("GET", "", "/a?a=%F0%9F%98%80&a=%EF%BF%BD",
     "d2b2e4cf2c2e261e35b1d671e66ffa844544efa998b5de78bd7debeb8521da1c"),
    ("GET", "", "/a?%F0%9F%98%80=1&%EF%BF%BD=2",
     "96b21a03c96bc3243be7fa42d671a2707ad9532946258464cb1186596689cfed"),
    ("GET", "", "/a?a=%FF",
     "78251c5d15a5e9130ca08000baa254545f7bae9fc2921c1e5b4bbdf4d9a70ef8"),
    ("GET", "", "/a?a=%zz&b=%",
     "6e576867e55a96a28b04d9b448faeb831ac7d3b07b43ca46df2cb2f7b41fb76f"),
    ("GET", "", "/a?a=%E0%A4%A",
     "aa484b5021ee45d0086a72735828ba59b0303bd4fe1fadd6a3042e7545fe563d"),
    ("GET", "", "/a?a=%ED%A0%80",
     "25f2c56651503ed727f52aedc633c1aed3b5128f738d1bcb7b5dbbe23c3352f0"),
    ("GET", "", "/a?a=1;b=2",
     "9576abc392c481461a297e565be9c29d7d0754998f75b5d403e0ae535601527d"),
    ("GET", "", "/a?a=1%3Bb=2",
     "9576abc392c481461a297e565be9c29d7d0754998f75b5d403e0ae535601527d"),
    ("GET", "", "/a?a=1%26b=2",
     "facd5b7ee5feaac0116444c4bf922e6dfb42d14b0db61c23be5fecba1de69a93"),
    ("GET", "", "/a?a=x%2Cy&a=b",
     "9f6ae65a1fcef5eefe1007c9a2bfe868fbdc14811566d65097899128f141841c"),
    ("GET", "", "/a?a=x,y&a=b",
     "9f6ae65a1fcef5eefe1007c9a2bfe868fbdc14811566d65097899128f141841c"),
    ("GET", "", "/a?a=:b&a=9",
     "0d8a7b837bdbef8ca641593b681358e37a96b564d2346e1e1030d8bdbc76298b"),
    ("GET", "", "/a?accountId=557058%3Ab&accountId=5570589",
     "3db5ebd4669f6a59ea2a8976ba4f8869b1e1081c551a7851bfdc2ef715c502c4"),
    ("GET", "", "/a?a=b%20c&a=b-c",
     "03a7fdabff6007ce794cd3181568942a61b8c474fbc5ba2b4456b7127e370feb"),
    ("GET", "", "/a?a=%2F&a=-",
     "9f5cab042841066bc736e556aa6423121460b516c61b9aa49e487668e93da632"),
    ("GET", "", "/a?a%5B0%5D=1&aZ=2&a-=3",
     "9af826d3853c06f725951dc170775d7f37984c867011faf33c8d2ed262206ae3"),
    ("GET", "", "/a?a%2Fb=1&a-b=2",
     "f588031f53aacc664048a1d98a2c7f64b186b404497ee16455a5075b43da5f54"),
    ("GET", "", "/a?a[]=1&a[]=0",
     "809844ac3bffd6d0612bdf82a0def3086225179ede85816ab7ac04eb53e1e768"),
    ("GET", "", "/a?a_=1&aB=2&a.=3&a~=4",
     "5879c148b62f14be8c3af9f892a0ab30416799558d2f9ae1a4f833991a88e682"),
    ("GET", "", "/a?%24a=1",
     "ccf6dbd7545d88c9f67079ecafadac9bf6ee08cb434462e19fb426b9f5ea1d43"),
    ("GET", "", "/a?a=%00",
     "02dab148ca48c177cdc800a096e60787247dfe8243646203b516a7c51a6643d0"),
    ("GET", "", "/a?a=%0A%09",
     "0bfa160ab580448f0d86c65e4dafd47874b5975d09d043a46026b7de6d817c4b"),
    ("GET", "", "/a?a=%22%3C%3E%5C%5E%60%7B%7C%7D",
     "664aca0f4909924638896033b7e80ee3cbec7381d9d72b89f8d40f38bde4a7ca"),
    ("GET", "", "/a?a=%2525",
     "944795b6addfd8c550ccac7356a2e6206bc5c29839f89e344f7953ef56ee67d9"),
    ("GET", "", "/a?a=?b",
     "693f1d27f207659ac473f180733af72271a9ae383fa3c45f5137694cfe35c442"),
    ("GET", "", "/pages/home?xdm_e=https%3A%2F%2Facme.example&xdm_c=channel-tandem__home&cp=&xdm_deprecated_addon_key_do_not_use=tandem&lic=none&cv=1001.0.0&jwt=a.b.c",  # noqa: E501
     "a9adc6678fdbe51fe1ef56034ad48f4998a00bf7d0a35fecd6e62d2b314f95fa"),
    ("POST", "", "/webhooks/jira?user_id=5b10&user_key=5b10",
     "6c77d85389ef534624faae1121e21501eb6138dc1f2d7da6747ad0e1c3f65a87"),
    ("GET", "/jira", "/jira",
     "c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239"),
    ("GET", "/jira", "/jira/",
     "c88caad15a1c1a900b8ac08aa9686f4e8184539bea1deda36e2f649430df3239"),
    ("GET", "/jira", "/jira/a/b?c=d",
     "f91945a52035ccedb5008808a64e0aac6fc7d0c4f529f8fdabc4cbca0b525b6f"),
    ("GET", "/jira", "/a/b?c=d",
     "f91945a52035ccedb5008808a64e0aac6fc7d0c4f529f8fdabc4cbca0b525b6f"),
    ("GET", "/jira", "/x/jira/a",
     "72b938e2ab0d452b7ffd060d6ecbe221238e19484d39790032dd87d99c7c2af5"),
    ("GET", "/jira", "/jira?c=d",
     "809edd75217cbde49e436631e441a1fc195faaf8df59095420cece2adbe68157"),
    ("GET", "/jira", "/jira/jira/a",
     "78af1fdd97dba53d7b2911cdc158e1d091a3906353670068a3e3701bcdce7e12"),
]
# fmt: on


@pytest.mark.parametrize(("method", "context", "target", "expected"), ATLASSIAN)
def test_the_hash_is_the_one_that_atlassians_library_gives(
    method: str, context: str, target: str, expected: str
) -> None:
    path, _, query = target.partition("?")
    if f"{path}/".startswith(f"{context}/"):
        path = path.removeprefix(context)
    assert query_string_hash(method, path, parse_query(query)) == expected


def test_a_path_that_only_begins_like_the_context_is_not_cut() -> None:
    whole = query_string_hash("GET", "/jiraffe", [])
    assert whole != query_string_hash("GET", "/ffe", [])


def test_a_name_that_is_odd_in_javascript_counts_as_any_other() -> None:
    # Atlassian's library leaves `__proto__` out, so that it can be added to a signed request.
    assert canonical_query(parse_query("a=1&__proto__=2")) == "__proto__=2&a=1"
